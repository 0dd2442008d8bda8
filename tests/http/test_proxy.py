"""Prefix, forwarded headers and the rule that a server without keys serves its own machine only."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from desireline.errors import StartupError
from desireline.http.app import create_app
from desireline.http.proxy import behind, see_through
from desireline.settings import Settings, load
from tests.e2e.live import Live, make_collection, make_retriever
from tests.http.test_interactions import never

FORWARDED = {
    "x-forwarded-proto": "https", "x-forwarded-host": "example.org",
    "x-forwarded-for": "203.0.113.9",
}  # fmt: skip


def a_scope(path: str = "/", client: str = "127.0.0.1", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = {"host": "127.0.0.1:8080", **named}.items()
    return {
        "path": path, "raw_path": path.encode(), "scheme": "http", "client": (client, 5),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
    }  # fmt: skip


def seen(scope: dict[str, Any], root_path: str = "", *trusted: str) -> dict[str, Any]:
    see_through(scope, behind(root_path, trusted or ("127.0.0.1", "::1"), ["v1"]))
    return scope


def host_of(scope: dict[str, Any]) -> list[str]:
    return [value.decode() for name, value in scope["headers"] if name == b"host"]


# The prefix.


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("/search/v1/tasks", "/v1/tasks"),
        ("/v1/tasks", "/v1/tasks"),
        ("/search/", "/"),
        ("/searching", "/searching"),
        ("/v1/search/x", "/v1/search/x"),
        ("/search/search/x", "/search/x"),
        ("/%73earch/x", "/%73earch/x"),
    ],
)
def test_the_prefix_is_taken_off_where_a_proxy_left_it(sent: str, meant: str):
    scope = seen(a_scope(sent), "/search")
    assert scope["path"] == meant
    assert scope["raw_path"] == meant.encode()
    assert scope["app_root_path"] == "/search"
    assert "bare_prefix" not in scope


def test_the_bare_prefix_is_marked_and_other_paths_are_as_sent_without_one():
    assert seen(a_scope("/search"), "/search/")["bare_prefix"]
    plain = seen(a_scope("/search/x"))
    assert plain["path"] == "/search/x"
    assert "app_root_path" not in plain


def started(**settings: Any) -> Any:
    return create_app(Settings(**settings), never)


@pytest.mark.parametrize("prefix", ["/v1", "/docs/x", "/api", "/retrievers", "/assets"])
def test_a_prefix_that_is_a_path_of_ours_stops_the_start(prefix: str):
    with pytest.raises(StartupError, match="begins as a path of the server's own does") as raised:
        started(root_path=prefix)
    assert raised.value.hint
    assert started(root_path="/search").behind.prefix == "/search"


@pytest.mark.parametrize("prefix", ["search", "//x", "/a b", "/..", "/a/../b", "/a?b", "https://a"])
def test_a_prefix_that_is_none_is_refused(prefix: str, tmp_path: Path):
    with pytest.raises(StartupError, match=r"--root-path is .*; allowed is a text such as"):
        load({}, {"root_path": prefix}, tmp_path)


def test_a_wrong_trusted_proxy_stops_the_start():
    with pytest.raises(StartupError, match="neither an address nor a network") as raised:
        started(trusted_proxies=("proxy.internal",))
    assert "10.0.0.0/24" in raised.value.hint
    with pytest.raises(StartupError, match="has host bits set"):
        started(trusted_proxies=("10.0.0.1/24",))


# Forwarded headers.


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_trusted_peer_is_believed(peer: str):
    scope = seen(a_scope(client=peer, **FORWARDED))
    assert (scope["scheme"], scope["client"]) == ("https", ("203.0.113.9", 0))
    assert host_of(scope) == ["example.org"]


def test_anybody_else_is_not_believed():
    for peer in ("10.0.0.7", "localhost", ""):
        scope = seen(a_scope(client=peer, **FORWARDED))
        assert (scope["scheme"], scope["client"]) == ("http", (peer, 5))
        assert host_of(scope) == ["127.0.0.1:8080"]
    without = a_scope(**FORWARDED)
    without["client"] = None
    assert seen(without)["scheme"] == "http"
    assert seen(a_scope(client="10.0.0.7", **FORWARDED), "", "10.0.0.0/8")["scheme"] == "https"
    assert seen(a_scope(client="10.0.0.7", **FORWARDED), "", "*")["scheme"] == "https"
    assert seen(a_scope(client="127.0.0.1", **FORWARDED), "", "10.0.0.7")["scheme"] == "http"


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("127.0.0.1, ::1", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("203.0.113.9, <script>", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(sent: str, client: str):
    assert seen(a_scope(x_forwarded_for=sent))["client"][0] == client


def test_what_the_nearest_proxy_wrote_counts_and_what_is_no_host_does_not():
    scope = seen(
        a_scope(x_forwarded_host="evil.example, example.org", x_forwarded_proto="gopher, https")
    )
    assert host_of(scope) == ["example.org"]
    assert scope["scheme"] == "https"
    for host in ("a/b", "a b", "a@b", "", "a,", "[::1", "x<y"):
        assert host_of(seen(a_scope(x_forwarded_host=host))) == ["127.0.0.1:8080"], host
    assert seen(a_scope(x_forwarded_proto="javascript"))["scheme"] == "http"


# Without keys.

PASSED_ON = {
    "Caddy, Traefik, Apache": {"X-Forwarded-For": "203.0.113.9"},
    "a standard": {"Forwarded": "for=203.0.113.9"},
    "nginx as its manual says": {"X-Real-IP": "127.0.0.1"},
    "a gateway": {"Via": "1.1 gateway"},
    "a host of its own": {"Host": "search.example"},
    "an upstream's name, or a rebound name": {"Host": "127.0.0.1.example:8080"},
    "no host at all": {"Host": "[::1"},
    "a container": {"Host": "host.docker.internal:8080"},
    "another address": {"Host": "192.168.1.7:8080"},
    "a page elsewhere": {"Sec-Fetch-Site": "same-origin", "Origin": "https://example.org"},
    "a page read elsewhere": {"Sec-Fetch-Site": "same-origin", "Referer": "https://example.org/s/"},
}


@pytest.mark.parametrize("who", PASSED_ON)
def test_what_a_proxy_passed_on_is_refused_where_no_key_exists(live: Live, who: str):
    for method, path in (
        ("GET", "/v1/collections"), ("GET", "/retrievers"), ("POST", "/v1/admin/flush"),
        ("POST", "/v1/retrievers/interactions"), ("GET", "/v1/retrievers/interactions"),
        ("POST", "/v1/retrievers/interactions/batch"), ("DELETE", "/v1/namespaces/default"),
    ):  # fmt: skip
        error = live.refused(method, path, None, **PASSED_ON[who])
        assert (error["status"], error["code"]) == (403, "proxy_without_key"), (path, error)
        assert "desireline keys create" in error["hint"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:9"}, {"Host": "shop.localhost"}, {"Host": "127.1.2.3:80"},
        {"Host": "[::1]:8080"}, {"Host": "localhost."}, {"Host": "LOCALHOST:8080"}, {"Host": ""},
        {"Host": "0.0.0.0:8080"}, {"Host": "[::ffff:127.0.0.1]:80"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example"},
        {"Origin": "http://127.0.0.1:5173"},
    ],
)  # fmt: skip
def test_what_this_machine_asks_is_answered(live: Live, headers: dict[str, str]):
    live.ok("GET", "/v1/collections", None, **headers)


def test_what_needs_no_key_needs_none_through_a_proxy_either(live: Live):
    shop = make_retriever(live, make_collection(live))
    name = live.ok("POST", f"/v1/retrievers/{shop}/publish")["public_name"]
    for path in ("/healthz", "/readyz", "/openapi.json"):
        live.ok("GET", path, None, **FORWARDED)
    path = f"/v1/public/retrievers/{name}/execute"
    live.ok("POST", path, {"inputs": {"query": "earbuds"}}, **FORWARDED)


@pytest.mark.parametrize("said", ["", "Connection: Keep-Alive\r\n"])
def test_old_programs_of_this_machine_are_answered(live: Live, said: str):
    assert b"200" in ancient(live, "/v1/collections", said)


def test_what_nginx_passes_on_by_default_is_refused(live: Live):
    assert b"403" in ancient(live, "/v1/collections", "Connection: close\r\n")
    assert b"403" in ancient(live, "/v1/collections", "connection: Close\r\n")
    assert b"200" in ancient(live, "/healthz", "Connection: close\r\n")
    live.ok("GET", "/v1/collections", None, Connection="close")  # HTTP/1.1: anybody may say so


def ancient(live: Live, path: str, said: str) -> bytes:
    """The first line of an answer to an HTTP/1.0 request."""
    host, _, port = live.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n{said}\r\n".encode())
        return sock.recv(100).splitlines()[0]
