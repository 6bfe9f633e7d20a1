"""POST /v1/belief: a text read slice by slice on the threads that compute, into one reply or a stream of events."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from pydantic_core import to_json
from starlette.requests import Request

from model.belief import BeliefStream
from model.errors import StateError, TextTooLongError
from service.engine import Engine
from service.event_stream import EventStream, event
from service.schemas import BeliefBody
from service.store import ServedModel

SLICE_CHARACTERS = 2048
"""Code points read at once, in some tens of milliseconds: then others may have the thread, and events are sent."""
LEAST_CHARACTERS = 64
T = TypeVar("T")


async def believe(engine: Engine, request: Request, body: BeliefBody) -> bytes | EventStream:
    """The reply of POST /v1/belief. With `stream`, its events, the first of them made already.

    Raises RequestError, StateError, TextTooLongError, UnknownModelError, NotReadyError.
    """
    served = engine.store.find(body.model)
    _check_length(engine, body)
    gone = threading.Event()
    stream = await engine.on_thread(lambda: _begun(served, body, gone))
    reading = _Reading(engine, served, stream, body.text, gone)
    if not body.stream:
        tokens = [token async for slice_tokens in reading.settled() for token in slice_tokens]
        tokens += await reading.provisional()
        return await engine.on_thread(lambda: to_json(reading.last(tokens)))
    events = reading.events()
    first = await anext(events)
    return EventStream(
        request,
        _chained(first, events),
        engine.settings.stream_seconds(),
        beside_error=lambda: {"state": reading.state, "n_characters": reading.n_characters},
    )


def _begun(served: ServedModel, body: BeliefBody, gone: threading.Event) -> BeliefStream:
    """On a thread. `gone`: set once nobody waits any more."""
    stream = served.language_model.belief_stream(body.pair, state=body.state, is_wanted=lambda: not gone.is_set())
    try:
        stream.pending.encode()
    except UnicodeEncodeError:
        raise StateError(
            "the state holds text with half a character, a lone surrogate, of which JSON cannot tell. Go on with it in "
            "Python, or send the text again from its start, without it."
        ) from None
    return stream


def _check_length(engine: Engine, body: BeliefBody) -> None:
    settings = engine.settings
    limit = settings.max_stream_characters if body.stream else settings.max_characters
    if len(body.text) > limit:
        hint = "" if body.stream else ', or with "stream": true'
        raise TextTooLongError(
            f"the text is {len(body.text):,} characters long; the limit is {limit:,}. Send it in chunks, each with the "
            f"state of the answer before{hint}."
        )


class _Reading:
    """One request's text, part read. `state`: after the first `n_characters` code points of it, whose settled tokens
    have been taken; the others are pending in it."""

    def __init__(
        self, engine: Engine, served: ServedModel, stream: BeliefStream, text: str, gone: threading.Event
    ) -> None:
        self._engine, self._served, self._stream, self._text, self._gone = engine, served, stream, text, gone
        self._metrics = engine.metrics.of_model(served.name)
        self.state, self.n_characters = stream.state, 0

    async def settled(self) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The settled tokens, slice by slice; `state` follows once a slice's tokens have been taken."""
        size = max(LEAST_CHARACTERS, SLICE_CHARACTERS // self._stream.n_readings)
        for start in range(0, max(len(self._text), 1), size):
            tokens, state = await self._computed(partial(self._settle, self._text[start : start + size]))
            yield tokens
            self.state, self.n_characters = state, min(start + size, len(self._text))

    async def provisional(self) -> list[dict[str, Any]]:
        """The tokens after the settled ones."""
        return await self._computed(lambda: [token.to_dict() for token in self._stream.provisional()])

    async def events(self) -> AsyncGenerator[bytes, None]:
        """An event a slice, and a last one named "end" with the provisional tokens, the state and the rest."""
        async with aclosing(self.settled()) as slices:
            async for tokens in slices:
                if tokens:
                    yield event(to_json({"tokens": tokens}))
        yield event(to_json(self.last(await self.provisional())), "end")

    def last(self, tokens: list[dict[str, Any]]) -> dict[str, Any]:
        """The whole of the reply, or of its last event."""
        warnings = [
            {"type": warning.type, "start": None, "end": None, "message": warning.message}
            for warning in self._stream.warnings
        ]
        return {"model": self._served.name, "tokens": tokens, "state": self.state, "warnings": warnings}

    async def _computed(self, work: Callable[[], T]) -> T:
        try:
            return await self._engine.compute(work)
        except asyncio.CancelledError:  # the time is up or the caller gone: the thread is for others
            self._gone.set()
            raise

    def _settle(self, text: str) -> tuple[list[dict[str, Any]], str]:
        """On a thread."""
        started_at = time.monotonic()
        tokens = self._stream.feed(text)
        self._metrics.batch_computed(1, len(tokens), time.monotonic() - started_at)
        return [token.to_dict() for token in tokens], self._stream.state


async def _chained(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for data in rest:
            yield data
