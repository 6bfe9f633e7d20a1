"""Belief at every token of a text: POST /v1/belief, in one reply or as server-sent events."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.belief import believe
from service.openapi import json_body
from service.replies import BeliefReply
from service.routes.inference import answered
from service.schemas import BeliefBody

router = APIRouter(tags=["belief"])

_EVENTS = {
    "schema": {"type": "string"},
    "example": 'data: {"tokens": [...]}\n\nevent: end\ndata: {"model": ..., "tokens": [...], "state": "..."}\n\n',
}


@router.post(
    "/v1/belief",
    summary="Who a text is thought to speak of",
    responses={200: {"model": BeliefReply, "content": {"text/event-stream": _EVENTS}}},
    openapi_extra=json_body(BeliefBody),
)
async def belief(request: Request) -> Response:
    """P(first of a pair) at every token, if a pronoun came next; a long text in chunks, each with the state before.

    With `stream` the answer is server-sent events: groups of settled tokens, then `end` with what a plain reply holds,
    or `error` with the state to go on from, and how many characters of the text (code points) it has taken in.
    """
    engine = request.app.state.engine
    return await answered(request, BeliefBody, lambda body: believe(engine, request, body))
