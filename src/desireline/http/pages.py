"""What a browser is served: the dashboard at `/` where it was built, the route browser at `/docs`.

Without a build `/` is a start page. Files of our own only, under a strict content security policy;
names below `/assets` that carry a hash are kept for ever. Knows nothing of what the pages ask for.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get
from litestar.params import FromPath
from litestar.response import Redirect

from desireline.errors import NotFound
from desireline.http.caller import AnyRequest

_FILES = Path(__file__).parent / "static"
_BUILT = Path(__file__).parent / "dashboard"
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_POLICY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def _file(name: str, media_type: str) -> Response[bytes]:
    return Response((_FILES / name).read_bytes(), media_type=media_type, headers=_POLICY)


@get("/", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def start(request: AnyRequest) -> Response[Any]:
    """The dashboard. Not built: what this server is, with its own address in the examples.

    Its links are relative, so that they hold below any prefix; the bare prefix gets its slash.
    """
    if request.scope.get("bare_prefix"):
        return Redirect(str(request.base_url.path), status_code=307)
    if (_BUILT / "index.html").is_file():
        built = (_BUILT / "index.html").read_bytes()
        return Response(built, media_type="text/html", headers=_POLICY)
    page = _file("start.html", "text/html")
    here = escape(str(request.base_url).rstrip("/").removeprefix("http://")).encode()
    page.content = page.content.replace(b"localhost:8080", here)
    return page


@get("/docs", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def docs(request: AnyRequest) -> Response[Any]:
    """Every route with its shapes."""
    if request.scope["raw_path"].endswith(b"/"):
        return Redirect("../docs", status_code=307)  # from here its links would lead astray
    return _file("docs.html", "text/html")


@get("/assets/docs.js", include_in_schema=False, sync_to_thread=False)
def docs_script() -> Response[bytes]:
    """Draws the route browser."""
    return _file("docs.js", "text/javascript")


@get("/assets/page.css", include_in_schema=False, sync_to_thread=False)
def style() -> Response[bytes]:
    """The look of both pages."""
    return _file("page.css", "text/css")


@get("/assets/{name:str}", include_in_schema=False, sync_to_thread=False)
def asset(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A part of the dashboard. Raises NotFound."""
    found = _BUILT / "assets" / name
    if found.suffix not in _TYPES or found.parent != _BUILT / "assets" or not found.is_file():
        raise NotFound(
            f"there is no `/assets/{name}`", resource="asset", reference=name,
            hint="load the page anew: it was built again",
        )  # fmt: skip
    plain, packed = _read(found)
    headers = {
        **_POLICY, "cache-control": "public, max-age=31536000, immutable",
        "vary": "accept-encoding",
    }  # fmt: skip
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        plain = packed
    return Response(plain, media_type=_TYPES[found.suffix], headers=headers)


@lru_cache(maxsize=32)
def _read(file: Path) -> tuple[bytes, bytes]:
    """A file, and the same compressed; a hashed name never changes what it means."""
    plain = file.read_bytes()
    return plain, gzip.compress(plain, mtime=0)


HANDLERS = [start, docs, docs_script, style, asset]
