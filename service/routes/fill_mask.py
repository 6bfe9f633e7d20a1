"""Hugging Face's fill-mask protocol, at POST / (where huggingface_hub also finds /health and /info) and /fill-mask."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.fill_mask import fill_mask
from service.openapi import json_body
from service.replies import FilledMask, FillMaskError
from service.routes.inference import answered
from service.schemas import FillMaskBody

router = APIRouter(tags=["Hugging Face"])


@router.post("/", include_in_schema=False)
@router.post(
    "/fill-mask",
    summary="Fill masks, as huggingface_hub asks",
    responses={
        200: {"model": list[FilledMask] | list[list[FilledMask]] | list[list[list[FilledMask]]]},
        "4XX": {"model": FillMaskError, "description": "Refused, with the reason"},
        "5XX": {"model": FillMaskError, "description": "Not answered now"},
    },
    openapi_extra=json_body(FillMaskBody),
)
async def fill_masks(request: Request) -> Response:
    """A list of predictions; for a text with several masks a list of lists; for several texts one such answer each."""
    engine = request.app.state.engine
    return await answered(request, FillMaskBody, lambda body: fill_mask(engine, body))
