"""Plotly's script as the wheel plotly ships it: found without importing that package, sent compressed."""

from __future__ import annotations

import asyncio
import functools
import gzip
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response


def script_path() -> Path:
    """Where plotly.min.js lies. `import plotly` would take longer than the whole service takes to start."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package plotly is not installed; it holds the script of the page's curves")
    return Path(next(iter(spec.submodule_search_locations))) / "package_data" / "plotly.min.js"


class Plotly:
    """Answers with the script: 4.8 MB, or 1.5 MB to a client that takes gzip. Compressed once, on a thread."""

    def __init__(self) -> None:
        self.path = script_path()

    @functools.cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self.path.read_bytes(), 6, mtime=0)

    async def answer(self, request: Request) -> Response:
        """200 with the script, or 304 where the client has it; a browser asks again each time."""
        takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
        stat = self.path.stat()
        tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}{"-gzip" if takes_gzip else ""}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if takes_gzip:
            content = await asyncio.to_thread(lambda: self._compressed)
            headers["Content-Encoding"] = "gzip"
        else:
            content = await asyncio.to_thread(self.path.read_bytes)
        return Response(content, headers=headers, media_type="text/javascript")
