"""Our own protocol: POST /v1/cloze, and the routes of the interface that later versions answer."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.errors import RouteNotBuiltYetError
from service.openapi import json_body
from service.replies import ClozeReply
from service.routes.inference import answered
from service.schemas import ClozeBody

router = APIRouter(tags=["cloze"])


@router.post(
    "/v1/cloze",
    summary="Fill the blanks of a text",
    responses={200: {"model": ClozeReply}},
    openapi_extra=json_body(ClozeBody),
)
async def cloze(request: Request) -> Response:
    """P(word) for every blank of a text, or of several, most probable first.

    With `trace`, what the gates did; with `evidence`, which token speaks for which word; with `interventions`, the
    answer of a network that is edited while it reads.
    """
    return await answered(request, ClozeBody, request.app.state.engine.cloze)


@router.post("/v1/models/{name}/load", include_in_schema=False)
async def load(name: str) -> Response:
    raise RouteNotBuiltYetError(
        "POST /v1/models/{name}/load is not built yet in this version; to serve another model, restart with --models"
    )
