"""An error as an answer: the status of errors.py's table, in the shape of the protocol that was spoken."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from service.errors import INVALID, RETRY_SECONDS, OverloadedError, answer_of, code_of, is_callers
from service.metrics import Metrics

logger = logging.getLogger("anaphora")

FILL_MASK_PATHS = {"/", "/fill-mask"}
"""Here errors have Hugging Face's shape; everywhere else OpenAI's."""


def refuse(request: Request, error: Exception) -> Response:
    """The answer of any error; one that nobody meant is logged with its traceback and told without its words."""
    if isinstance(error, HTTPException):
        return _refuse_http(request, error)
    answer = answer_of(error)
    message, param = str(error), getattr(error, "param", None)
    if not is_callers(error):
        request_id = request.scope.get("state", {}).get("request_id", "")
        logger.error("unexpected failure", exc_info=error, extra={"fields": {"request_id": request_id}})
        message, param = (
            f"something went wrong on our side; the service's log has it under request id {request_id}",
            None,
        )
    headers = dict(answer.headers)
    if isinstance(error, OverloadedError):
        limit = request.app.state.engine.settings.max_queue
        headers["RateLimit"] = f'"api";r=0;t={RETRY_SECONDS}'
        headers["RateLimit-Policy"] = f'"fixed window";"api";q={limit};w={RETRY_SECONDS}'
    return _answer(request, answer.status, answer.type, message, param, code_of(error), headers)


def _refuse_http(request: Request, error: HTTPException) -> Response:
    """What the router itself refuses."""
    path, headers = request.url.path[:100], dict(error.headers or {})
    if error.status_code == 404:
        message, code = f"there is nothing at {path}; GET /docs lists what there is", "not_found"
    elif error.status_code == 405:
        allowed = allowed_methods(request)
        message, code = f"{request.method[:20]} is not possible at {path}; it takes {allowed}", "method_not_allowed"
        headers["Allow"] = allowed
    else:
        message, code = str(error.detail), "http_error"
    return _answer(request, error.status_code, INVALID, message, None, code, headers)


def allowed_methods(request: Request) -> str:
    """The methods that some route takes at the request's path; the router itself names only one route's."""
    methods: set[str] = set()
    for method in ("GET", "HEAD", "POST"):
        scope = dict(request.scope) | {"method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes):
            methods.add(method)
    return ", ".join(sorted(methods))


def _answer(
    request: Request, status: int, type_: str, message: str, param: str | None, code: str, headers: dict[str, str]
) -> Response:
    metrics: Metrics = request.app.state.metrics
    metrics.failures.labels(code).inc()
    if 400 <= status < 500 and status != 429:
        headers["x-should-retry"] = "false"  # OpenAI's clients obey it
    body: dict[str, object]
    if request.url.path in FILL_MASK_PATHS:
        body = {"error": message, "error_type": type_}
    else:
        param = None if param is None else param[:100]
        body = {"error": {"type": type_, "message": message, "param": param, "code": code}}
    return JSONResponse(body, status, headers)
