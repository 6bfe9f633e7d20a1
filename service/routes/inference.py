"""The way every inference request goes: key, deadline, body, a place in the queue, and an eye on the caller."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.body import parse_body, read_body
from service.engine import Engine
from service.errors import DeadlineError, KeyRefusedError
from service.event_stream import EventStream
from service.leaving import unless_gone

Schema = TypeVar("Schema", bound=BaseModel)


async def answered(
    request: Request, schema: type[Schema], answer: Callable[[Schema], Coroutine[Any, Any, bytes | EventStream]]
) -> Response:
    """The JSON that `answer` makes of the request's body, within the deadline; or its events, begun within it.

    Raises KeyRefusedError, BodyError, FieldError, OverloadedError, DeadlineError, DisconnectedError, and what
    `answer` raises.
    """
    engine: Engine = request.app.state.engine
    settings = engine.settings
    check_key(request.headers.get("authorization", ""), settings.keys())
    try:
        async with asyncio.timeout(settings.deadline_seconds) as deadline, AsyncExitStack() as held:
            body = parse_body(await read_body(request, settings.max_body_bytes), schema)
            await held.enter_async_context(engine.place())
            content = await unless_gone(request, answer(body))
            if isinstance(content, EventStream):
                content.hold(held.pop_all())
                return content
    except TimeoutError:
        if not deadline.expired():
            raise
        raise DeadlineError(
            f"no answer within {settings.deadline_seconds:g} seconds, which is the limit; "
            "send fewer or shorter texts, or try again later"
        ) from None
    return Response(content, media_type="application/json")


def check_key(authorization: str, keys: Sequence[str]) -> None:
    """Raises KeyRefusedError unless no key is asked for, or the header bears one of `keys`."""
    if not keys:
        return
    scheme, _, key = authorization.partition(" ")
    borne = key.strip().encode()
    if scheme.lower() != "bearer" or not borne:
        raise KeyRefusedError("this service asks for an API key; send it as authorization: Bearer KEY")
    matches = [hmac.compare_digest(borne, one.encode()) for one in keys]  # all of them: time tells nothing
    if not any(matches):
        raise KeyRefusedError("the API key is not one of this service's; check it for typing errors")
