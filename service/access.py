"""What surrounds every request: its id, its line in the log, its place in the metrics. A plain ASGI middleware.

No line holds a text, a query or a path that no route has.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import Metrics
from service.readiness import Readiness
from service.refusals import refuse

logger = logging.getLogger("anaphora.access")

PROBES = {"/health", "/ready", "/metrics"}
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:;=+/@-]{1,128}")
SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Access:
    """Wraps the app; adds `request_id` to the scope's state and X-Request-Id to every answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics, readiness: Readiness) -> None:
        self._app = app
        self._metrics = metrics
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_at = time.monotonic()
        request_id = request_id_of(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        status, n_bytes, is_started = 500, 0, False

        async def send_marked(message: Message) -> None:
            nonlocal status, n_bytes, is_started
            if message["type"] == "http.response.start":
                status, is_started = message["status"], True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                if self._readiness.is_draining:
                    headers["Connection"] = "close"  # so that the caller's next request goes to another replica
            elif message["type"] == "http.response.body":
                n_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception as error:  # a bug: told here, so that its answer too has an id and a line in the log
            refusal = refuse(Request(scope), error)
            if not is_started:
                await refusal(scope, receive, send_marked)
        finally:
            seconds = time.monotonic() - started_at
            route = getattr(scope.get("route"), "path", None) or ("files" if status < 400 else "unmatched")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.duration.labels(route).observe(seconds)
            logger.log(
                logging.DEBUG if route in PROBES else logging.INFO,
                "request",
                extra={
                    "fields": {
                        "request_id": request_id,
                        "method": scope["method"],
                        "route": route,
                        "status": status,
                        "seconds": round(seconds, 6),
                        "bytes": n_bytes,
                    }
                },
            )


def request_id_of(headers: Headers) -> str:
    """The caller's X-Request-Id, or the X-Amzn-Trace-Id of huggingface_hub, if it is fit to print; else a new one."""
    for name in ("x-request-id", "x-amzn-trace-id"):
        value = headers.get(name, "")
        if _ACCEPTABLE_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex


class JsonLines(logging.Formatter):
    """A log record as one line of JSON: time, level, event, and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr(level: str) -> None:
    """Send the package's and uvicorn's log to standard error as JSON lines. Called by `anaphora serve` alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, least in (("anaphora", level), ("uvicorn", "warning")):
        log = logging.getLogger(name)
        log.handlers = [handler]
        log.setLevel(least.upper())
        log.propagate = False
