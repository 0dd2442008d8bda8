"""The two pages served without a build: the start page and the route browser at `/docs`.

Self-contained HTML with a strict content security policy; `docs.js` reads `/openapi.json`.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get

_FILES = Path(__file__).parent / "static"
_POLICY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def _file(name: str, media_type: str) -> Response[bytes]:
    return Response((_FILES / name).read_bytes(), media_type=media_type, headers=_POLICY)


@get("/", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def start(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What this server is, and where to go from here, with its own address in the examples."""
    page = _file("start.html", "text/html; charset=utf-8")
    here = escape(request.headers.get("host", "localhost:8080")).encode()
    page.content = page.content.replace(b"localhost:8080", here)
    return page


@get("/docs", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def docs() -> Response[bytes]:
    """Every route with its shapes."""
    return _file("docs.html", "text/html; charset=utf-8")


@get("/assets/docs.js", include_in_schema=False, sync_to_thread=False)
def docs_script() -> Response[bytes]:
    """Draws the route browser."""
    return _file("docs.js", "text/javascript; charset=utf-8")


@get("/assets/page.css", include_in_schema=False, sync_to_thread=False)
def style() -> Response[bytes]:
    """The look of both pages."""
    return _file("page.css", "text/css; charset=utf-8")


HANDLERS = [start, docs, docs_script, style]
