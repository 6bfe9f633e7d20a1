"""What a browser opens: the page at /, the API's description at /docs. Nothing comes from outside."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from service.plotly import Plotly

PAGE = Path(__file__).parent.parent / "page"
SWAGGER = Path(str(files("fastapi_swagger") / "resources"))
"""Swagger UI's own files, as the wheel fastapi-swagger ships them."""

# Plotly and Swagger UI put style elements into the page; no script does but those of our own host.
_POLICY = (
    "default-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def index() -> FileResponse:
    return FileResponse(PAGE / "index.html", headers=_HEADERS)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs() -> FileResponse:
    return FileResponse(PAGE / "docs.html", headers=_HEADERS)


@router.api_route("/page/plotly.min.js", methods=["GET", "HEAD"])
async def plotly(request: Request) -> Response:
    """The library of the page's curves; fetched only when they are opened."""
    return await _plotly.answer(request)


class Files(StaticFiles):
    """Files that a browser asks about again each time (304 while nothing changed), so that none outlives an upgrade."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


_plotly = Plotly()
page_files = Files(directory=PAGE)
swagger_files = Files(directory=SWAGGER)
