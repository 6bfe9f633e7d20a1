"""`anaphora serve`: flags and variables into settings, then uvicorn until a signal says stop."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import prometheus_client
import uvicorn
from pydantic import ValidationError

from model.language_model import load
from service.access import log_to_stderr
from service.app import create_app
from service.engine import Engine
from service.errors import AddressError
from service.readiness import Readiness
from service.settings import Settings
from service.store import Store

logger = logging.getLogger("anaphora")

BACKLOG = 2048


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop. Returns 0 after an orderly stop, 2 on wrong usage.

    Raises StartError when it cannot start; anaphora.py makes one line and status 1 of it.
    """
    arguments = _parser().parse_args(argv)
    try:
        settings = Settings(**_given(arguments))
    except ValidationError as error:
        print(f"anaphora serve: {_sentence(error)}", file=sys.stderr)
        return 2
    log_to_stderr(settings.log_level)
    # A second series for every one, which nobody asks for.
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    _warn_of_unknown_variables()
    serve(settings)
    return 0


def serve(settings: Settings) -> None:
    """Listen, load, say so in one line, answer, drain, stop. Raises AddressError and what loading the models raises."""
    listener = listen(settings.host, settings.port)
    readiness = Readiness()
    store = Store(settings.models, settings.default_model, lambda folder: load(folder, limits=settings.limits()))
    failures: list[Exception] = []

    def started(failure: Exception | None) -> None:
        if failure is None:
            print(_first_line(store, listener), flush=True)
        else:
            failures.append(failure)
            server.should_exit = True

    app = create_app(settings, store, readiness=readiness, when_started=started)
    app.openapi()  # made once; the first who asks must not hold up the others
    server = Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            limit_concurrency=settings.max_connections,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        ),
        readiness,
        settings.drain_seconds,
    )
    server.run(sockets=[listener])
    if failures:
        raise failures[0]
    engine: Engine = app.state.engine
    if not engine.is_idle:
        logging.shutdown()
        os._exit(0)  # a thread in the middle of a batch cannot be stopped, and Python would wait for it


class Server(uvicorn.Server):
    """uvicorn, but a signal first drains: /ready says 503 for a while before the port is closed, and the exit is 0."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain_seconds: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain_seconds = drain_seconds
        self._close_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called between two instructions of the main thread, so it only notes what `on_tick` does."""
        if self._close_at is not None and sig == signal.SIGINT and self.should_exit:
            self.force_exit = True
        is_first = self._close_at is None
        self._readiness.drain()
        # ctrl-C is a person at a terminal, and a second signal someone in a hurry: no balancer needs time to notice.
        patience = self._drain_seconds if is_first and sig == signal.SIGTERM else 0.0
        self._close_at = time.monotonic() + patience

    async def on_tick(self, counter: int) -> bool:
        if self._close_at is not None and time.monotonic() >= self._close_at:
            self.should_exit = True
        return await super().on_tick(counter)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises AddressError."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # The protocol is named because asyncio looks at it: without it there is no TCP_NODELAY, and every answer
        # waits 40 ms for the client's delayed acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
        return listener
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AddressError(
            f"cannot listen on {host} port {port}: {reason}. Choose another with --port (0 takes a free one) or --host."
        ) from error


def _first_line(store: Store, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    names = [f"{name} (default)" if served is store.default else name for name, served in store.models.items()]
    return f"Anaphora serves {', '.join(names)} at http://{f'[{host}]' if ':' in host else host}:{port}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anaphora serve",
        description="Serve models over HTTP. Everything else is set by ANAPHORA_* variables; see docs/service.md.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--models",
        metavar="DIR",
        action="append",
        type=Path,
        help="a bundle, or a folder of bundles; may be given several times; replaces the shipped models",
    )
    parser.add_argument("--default", metavar="NAME", help="the model of requests that name none")
    parser.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port to listen on (default: 8000); 0 takes a free one")
    return parser


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags that were given, by the name of the setting they win over."""
    flags = {
        "models": arguments.models,
        "default_model": arguments.default,
        "host": arguments.host,
        "port": arguments.port,
    }
    return {name: value for name, value in flags.items() if value is not None}


def _sentence(error: ValidationError) -> str:
    """The first setting that is wrong; its value is shown unless it is a secret."""
    fault = error.errors(include_url=False)[0]
    reason = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return reason
    name = str(fault["loc"][0])
    value = "" if name == "api_keys" else f", not {fault['input']!r}"
    return f"ANAPHORA_{name.upper()}: {reason[:1].lower()}{reason[1:]}{value}"


def _warn_of_unknown_variables() -> None:
    """A variable with a typing error in its name would otherwise be passed over in silence."""
    known = [f"ANAPHORA_{name.upper()}" for name in Settings.model_fields]
    for name in os.environ:
        if name.upper().startswith("ANAPHORA_") and name.upper() not in known:
            nearest = difflib.get_close_matches(name.upper(), known, 1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            logger.warning("%s is not a setting%s", name, hint)
