"""Server-sent events as an answer: each made when the one before is on its way, none for a caller who has left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.errors import DeadlineError, DisconnectedError
from service.leaving import unless_gone
from service.refusals import refuse

PARTING_SECONDS = 1.0
"""How long the word that the time is up may take to be sent."""


def event(data: bytes, name: str | None = None) -> bytes:
    """One event. `data`: JSON, which has no line end in it; `name`: default "message", as in the browsers' API."""
    return (b"" if name is None else f"event: {name}\n".encode()) + b"data: " + data + b"\n\n"


class EventStream(Response):
    """The answer 200 with `events`; what fails after its beginning is an event named "error"."""

    media_type = "text/event-stream"

    def __init__(
        self,
        request: Request,
        events: AsyncGenerator[bytes, None],
        max_seconds: float,
        beside_error: Callable[[], dict[str, Any]],
    ) -> None:
        """`beside_error`: what an error's data holds beside the error itself."""
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._request, self._events = request, events
        self._max_seconds = max_seconds
        self._beside_error = beside_error
        self._held = AsyncExitStack()

    def hold(self, held: AsyncExitStack) -> None:
        """What is given back when the last event is sent, or the caller gone: the place in the queue."""
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            try:
                await unless_gone(self._request, self._send_all(send))
            except DisconnectedError as error:
                refuse(self._request, error)  # nobody hears it, but it is counted

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with asyncio.timeout(self._max_seconds) as limit:
                async with aclosing(self._events):
                    async for data in self._events:
                        await send({"type": "http.response.body", "body": data, "more_body": True})
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                error = DeadlineError(
                    f"the stream took {self._max_seconds:g} seconds, which is the limit; go on from the state that is "
                    "sent with this, with the text after its n_characters"
                )
            data = self._told(error)
            try:
                async with asyncio.timeout(PARTING_SECONDS):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
            except TimeoutError:  # they read nothing; the server closes what is not complete
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _told(self, error: Exception) -> bytes:
        refusal = json.loads(bytes(refuse(self._request, error).body))
        return event(to_json(refusal | self._beside_error()), "error")
