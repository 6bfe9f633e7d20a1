"""A caller who leaves: what is done for them is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from service.errors import DisconnectedError

T = TypeVar("T")


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """What `work` returns; when the caller closes the connection first, `work` is given up.

    The request's body must have been read. Raises DisconnectedError.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise DisconnectedError("the connection was closed before the answer was ready")
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    """Returns when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
