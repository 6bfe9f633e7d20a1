"""What a browser opens: the page at /, the API's description at /docs. Nothing comes from outside."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

PAGE = Path(__file__).parent.parent / "page"
SWAGGER = Path(str(files("fastapi_swagger") / "resources"))
"""Swagger UI's own files, as the wheel fastapi-swagger ships them."""

_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
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


class Files(StaticFiles):
    """Files that a browser asks about again each time (304 while nothing changed), so that none outlives an upgrade."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


page_files = Files(directory=PAGE)
swagger_files = Files(directory=SWAGGER)
