"""create_app: settings and a store in, an ASGI app out. Reads no environment, parses no arguments."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from threadpoolctl import threadpool_limits

from model.errors import AnaphoraError
from service.access import Access
from service.engine import Engine
from service.metrics import Metrics
from service.openapi import describe
from service.readiness import Readiness
from service.refusals import refuse
from service.routes import belief, cloze, fill_mask, models, operations, pages
from service.settings import Settings
from service.store import Store
from service.version import version

logger = logging.getLogger("anaphora")


def create_app(
    settings: Settings,
    store: Store,
    *,
    readiness: Readiness | None = None,
    when_started: Callable[[Exception | None], None] = lambda failure: None,
) -> FastAPI:
    """The service. With its lifespan it begins to load the store on a thread; /ready says when that is done.

    `when_started` is called once with None when the models are there, or with what went wrong.
    """
    readiness = readiness or Readiness()
    metrics = Metrics()
    engine = Engine(store, settings, metrics)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        starting = asyncio.create_task(start())
        with threadpool_limits(1, user_api="blas"):  # parallel are the requests: engine.py's threads
            yield
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        engine.close()

    async def start() -> None:
        try:
            await asyncio.to_thread(store.load)
        except Exception as error:
            readiness.fail()
            logger.error("the models could not be loaded", extra={"fields": {"reason": str(error)}})
            when_started(error)
            return
        metrics.set_models({name: served.language_model.bundle.sha256 for name, served in store.models.items()})
        readiness.become_ready()
        when_started(None)

    app = FastAPI(title="Anaphora", version=version(), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.engine, app.state.store = engine, store
    app.state.metrics, app.state.readiness = metrics, readiness
    metrics.ready.set_function(lambda: float(readiness.is_ready))
    for routes in (cloze, belief, fill_mask, models, operations, pages):
        app.include_router(routes.router)
    app.mount("/page", pages.page_files)
    app.mount("/docs/swagger-ui", pages.swagger_files)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    app.add_middleware(Access, metrics=metrics, readiness=readiness)
    for kind in (AnaphoraError, HTTPException):
        app.add_exception_handler(kind, _refused)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    return refuse(request, error)
