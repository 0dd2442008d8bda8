"""What stands in front of the server: the prefix of its address, and headers that a proxy adds.

A proxy may strip the prefix or leave it; `X-Forwarded-Proto`, `-Host` and `-For` count when the
peer is trusted. Also tells a request that a proxy passed on from one made at this machine. Knows
headers and addresses; nothing of routes or keys.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from desireline.errors import StartupError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Headers = dict[bytes, bytes]

EVERYWHERE = ("0.0.0.0/0", "::/0")
_SCHEMES = ("http", "https")
_HOST = re.compile(r"[0-9A-Za-z._\-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
_ADDED = (
    b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"x-real-ip",
    b"via",
)  # fmt: skip


class Behind(msgspec.Struct, frozen=True):
    """The address before our paths ("" or `/search`), and whose forwarded headers are believed."""

    prefix: str = ""
    trusted: tuple[Network, ...] = ()


def behind(root_path: str, trusted: Sequence[str], taken: Iterable[str]) -> Behind:
    """The settings in their form of use; `taken` are first segments of our own paths.

    Raises StartupError for an address that is none, and a prefix that is one of our own paths.

    >>> behind("/search/", ["127.0.0.1"], ["v1"]).prefix
    '/search'
    """
    prefix = root_path.rstrip("/")
    first = prefix.split("/")[1] if prefix else ""
    if first in set(taken):
        raise StartupError(
            f"root_path `{root_path}` begins as a path of the server's own does (/{first})",
            hint="choose another prefix: with this one nobody can tell whether it was stripped",
        )
    return Behind(prefix, tuple(network for each in trusted for network in _networks(each)))


def _networks(text: str) -> tuple[Network, ...]:
    try:
        named = EVERYWHERE if text == "*" else (text,)
        return tuple(ipaddress.ip_network(each) for each in named)
    except ValueError as error:
        raise StartupError(
            f"`{text}` of trusted_proxies is neither an address nor a network ({error})",
            hint="write it as 10.0.0.7 or 10.0.0.0/24; `*` trusts whoever connects",
        ) from error


def see_through(scope: Any, front: Behind) -> None:
    """Change an ASGI request into what the client sent: path without prefix, its scheme, host and
    address where a trusted proxy names them.

    `app_root_path` is the prefix for whoever makes addresses (Litestar's `base_url` reads it); the
    bare prefix, without a slash behind it, is marked for a redirect.
    """
    if front.prefix:
        scope["app_root_path"] = front.prefix
        _strip(scope, front.prefix)
    client = scope.get("client")
    if client and _trusts(front.trusted, client[0]):
        _believe(scope, front.trusted)


def _strip(scope: Any, prefix: str) -> None:
    raw = scope.get("raw_path", b"")
    if raw == prefix.encode():
        scope["path"], scope["raw_path"], scope["bare_prefix"] = "/", b"/", True
    elif raw.startswith(prefix.encode() + b"/"):
        scope["path"], scope["raw_path"] = scope["path"][len(prefix) :], raw[len(prefix) :]


def _believe(scope: Any, trusted: tuple[Network, ...]) -> None:
    """The nearest proxy wrote the last value of each header; further left anybody may have."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if not any(name.startswith(b"x-forwarded-") for name, _ in headers):
        return
    scheme = _values(headers, b"x-forwarded-proto")[-1:]
    if scheme and scheme[0] in _SCHEMES:
        scope["scheme"] = scheme[0]
    host = _values(headers, b"x-forwarded-host")[-1:]
    if host and _HOST.fullmatch(host[0]):
        kept = [(name, value) for name, value in headers if name != b"host"]
        scope["headers"] = [*kept, (b"host", host[0].encode())]
    for each in reversed(_values(headers, b"x-forwarded-for")):
        address = _bare(each)
        if not address:
            break
        scope["client"] = (address, 0)
        if not _trusts(trusted, address):
            break


def _values(headers: list[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    """The values of a header in order, over all its lines, split at commas."""
    lines = (value.decode("latin-1") for name, value in headers if name == wanted)
    return [part.strip() for line in lines for part in line.split(",")]


def _bare(text: str) -> str:
    """An address without port and brackets; "" when it is none.

    >>> _bare("[2001:db8::7]:443"), _bare("192.0.2.7:80"), _bare("2001:db8::7"), _bare("unknown")
    ('2001:db8::7', '192.0.2.7', '2001:db8::7', '')
    """
    inside = re.fullmatch(r"\[(.+)\](?::\d+)?|([\d.]+):\d+", text)
    address = (inside[1] or inside[2]) if inside else text
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""


@lru_cache(maxsize=1024)
def _trusts(trusted: tuple[Network, ...], address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in trusted)


def sign_of_proxy(scope: Any) -> str:
    """What shows that a request was not made at this machine, to follow "it"; "" for nothing.

    A proxy on the same machine is a loopback peer like a terminal, so the request itself is asked:
    for headers that proxies add, the HTTP that nginx speaks, the host that was wanted, and, in a
    browser's request, the address of the page.

    >>> sign_of_proxy({"headers": [(b"host", b"localhost:8080")], "http_version": "1.1"})
    ''
    >>> sign_of_proxy({"headers": [(b"host", b"example.org")], "http_version": "1.1"})
    'asks for the host `example.org`'
    """
    headers = dict(scope["headers"])
    added = next((name.decode() for name in _ADDED if name in headers), "")
    if added:
        return f"carries `{added}`"
    if scope.get("http_version") == "1.0" and headers.get(b"connection", b"").lower() == b"close":
        # nginx as it comes: asks for the address behind and adds nothing else. In HTTP/1.0 nobody
        # else says so: `ab`, old wget and health checks leave the header out or want to keep alive.
        return "is HTTP/1.0 with `Connection: close`, as nginx passes requests on"
    host = headers.get(b"host", b"").decode("latin-1")
    if not _is_here(f"//{host}"):
        return f"asks for the host `{host}`"
    return _sign_of_page(headers)


def _sign_of_page(headers: Headers) -> str:
    """A page that calls its own origin tells which one that is, whatever became of `Host`."""
    if headers.get(b"sec-fetch-site") != b"same-origin":
        return ""
    page = (headers.get(b"origin") or headers.get(b"referer") or b"").decode("latin-1")
    return "" if _is_here(page) else f"comes from a page at `{page}`"


@lru_cache(maxsize=1024)
def _is_here(url: str) -> bool:
    """Whether an address is of this machine, or names no host."""
    try:
        name = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_unspecified  # 0.0.0.0: what some programs print and open
