"""An app with its lifespan and a client inside one event loop, for tests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from service.store import Store


@asynccontextmanager
async def client_of(app: FastAPI, *, ready: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running app; with `ready`, once the app says that it is."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service", timeout=30) as client,
    ):
        while ready and (await client.get("/ready")).status_code != 200:
            await asyncio.sleep(0.001)
        yield client


def app_of(*language_models: Any, **settings: Any) -> FastAPI:
    """The app that serves these models from memory; settings as in Settings, two threads unless told."""
    return create_app(Settings(**({"threads": 2} | settings)), Store.of(language_models))


def with_client(app: FastAPI, use: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Run `use` with a client of the ready app."""

    async def run() -> None:
        async with client_of(app) as client:
            await use(client)

    asyncio.run(run())


@contextmanager
def url_of(app: FastAPI) -> Iterator[str]:
    """The address of the app on a real port, served by uvicorn on a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none", timeout_graceful_shutdown=5))
    serving = threading.Thread(target=server.run)
    serving.start()
    try:
        while not server.started:
            time.sleep(0.001)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        serving.join()
