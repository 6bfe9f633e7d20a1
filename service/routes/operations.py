"""What an operator and their tools ask: alive? ready? what is this? how is it doing?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from service.metrics import CONTENT_TYPE
from service.routes.models import card_of
from service.version import version

router = APIRouter(tags=["operations"])


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Is the process alive?")
async def health() -> dict[str, str]:
    """200 as long as the process can answer at all, models or no models."""
    return {"status": "alive"}


@router.head("/ready", include_in_schema=False)
@router.get("/ready", summary="Should requests be sent here?", responses={503: {"description": "Starting or draining"}})
async def ready(request: Request) -> Response:
    """200 once the models are loaded and warmed up; 503 before, and from the moment the service is told to stop."""
    readiness = request.app.state.readiness
    headers = {} if readiness.is_ready else {"Retry-After": "1"}
    return JSONResponse({"status": readiness.state}, 200 if readiness.is_ready else 503, headers)


@router.get("/info", summary="What is served, and within which limits")
async def info(request: Request) -> dict[str, Any]:
    """Names as in Hugging Face's text servers where they have them, so that get_endpoint_info() reads well."""
    store, settings = request.app.state.store, request.app.state.engine.settings
    default = store.default if store.is_loaded else None
    return {
        "name": "anaphora",
        "version": version(),
        "model_id": default.name if default else None,
        "model_sha": default.language_model.bundle.sha256 if default else None,
        "model_dtype": "float32",
        "model_pipeline_tag": "fill-mask",
        "max_concurrent_requests": settings.max_queue,
        "max_input_length": settings.max_tokens,
        "max_client_batch_size": settings.max_texts,
        "max_batch_requests": settings.max_batch_texts,
        "max_batch_tokens": settings.max_batch_tokens,
        "max_characters": settings.max_characters,
        "max_stream_characters": settings.max_stream_characters,
        "max_body_bytes": settings.max_body_bytes,
        **asdict(settings.limits()),
        "deadline_seconds": settings.deadline_seconds,
        "max_stream_seconds": settings.max_stream_seconds,
        "models": [card_of(store, served) for served in store.models.values()],
    }


@router.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus' text format 0.0.4; docs/service.md lists the names."""
    return Response(request.app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
