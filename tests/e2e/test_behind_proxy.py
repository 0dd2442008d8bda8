"""The whole door behind a (stand-in of a) reverse proxy, at a prefix, stripped or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import msgspec
import pytest

from desireline.client import Client
from tests.e2e.front_proxy import Rules, proxied
from tests.e2e.live import (
    Live,
    a_name,
    a_search,
    a_stage,
    key,
    make_collection,
    make_retriever,
    serving,
)
from tests.e2e.test_page import fill, journey, needs

RULES = {
    "stripping": Rules(prefix="/search", strips=True),
    "not stripping": Rules(prefix="/search", strips=False),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, str]]:
    """A server with a key that knows its prefix, and the key."""
    folder = tmp_path_factory.mktemp("behind")
    secret = key(folder / "data")
    with serving(folder, root_path="/search") as live:
        yield live, secret


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_pages_and_what_they_load_and_link_to_are_found_below_the_prefix(
    kept: tuple[Live, str], rules: Rules
):
    with proxied(kept[0].url, rules) as at, httpx.Client() as visitor:
        bare = visitor.get(at)
        assert bare.status_code in (301, 307)
        assert urljoin(f"{at}", bare.headers["location"]) == f"{at}/"
        slashed = visitor.get(f"{at}/docs/")
        assert urljoin(f"{at}/docs/", slashed.headers["location"]) == f"{at}/docs"
        for page in (f"{at}/", f"{at}/docs"):
            found = visitor.get(page)
            assert found.status_code == 200
            assert "base-uri 'none'" in found.headers["content-security-policy"]
            links = re.findall(r'(?:href|src)="([^"#]+)"', found.text)
            assert links
            for link in links:
                assert visitor.get(urljoin(page, link)).status_code == 200, (page, link)
        described = visitor.get(f"{at}/openapi.json").json()
        assert described["servers"] == [{"url": "/search"}]
        read = visitor.get(f"{at}/assets/docs.js").text
        assert 'fetch("openapi.json")' in read
        assert visitor.get(at.removesuffix("/search") + "/healthz").status_code == 404


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_a_client_searches_clicks_and_streams_below_the_prefix(
    kept: tuple[Live, str], rules: Rules
):
    live, secret = kept
    name = a_name("shoes")
    with (
        proxied(live.url, msgspec.structs.replace(rules, key=secret)) as at,
        Client(base_url=at) as client,
    ):
        client.collections.create(
            name, features=[{"feature_uri": "own://t", "kind": "lexical", "fields": ["title"]}]
        )
        client.documents.upsert(name, [{"document_id": "a", "title": "red shoes"}])
        client.retrievers.create(
            name, collection_identifiers=[name], stages=[a_stage([a_search("own://t")])]
        )
        found = client.retriever(name).execute(query="red", user_id="ann")
        assert client.interactions.create_from_result(found, position=0).teaches is not None
        assert [each.retriever_name for each in client.retrievers.list()]
        body = {"inputs": {"query": "red"}, "stream": True}
        with httpx.stream("POST", f"{at}/v1/retrievers/{name}/execute", json=body) as answer:
            assert answer.headers["x-accel-buffering"] == "no"
            assert "complete" in answer.read().decode()


@pytest.mark.parametrize(
    ("changes", "public"),
    [
        ({"scheme": "https"}, "https"),
        ({"scheme": "https", "keeps_host": False}, "https"),
        ({"adds_forwarded": False}, "http"),
    ],
)
def test_addresses_in_answers_are_those_the_world_knows(
    kept: tuple[Live, str], changes: dict[str, object], public: str
):
    live, secret = kept
    rules = msgspec.structs.replace(RULES["stripping"], key=secret, **changes)
    with proxied(live.url, rules) as at:
        made = Live(at, live.data, live.log)
        shop = make_retriever(made, make_collection(made))
        url = made.ok("POST", f"/v1/retrievers/{shop}/publish")["public_url"]
        made.close()
    assert url.startswith(f"{public}{at.removeprefix('http')}/v1/public/retrievers/")


def test_an_untrusted_proxy_names_no_address(tmp_path: Path):
    secret = key(tmp_path / "data")
    rules = Rules(scheme="https", keeps_host=False, key=secret)
    with serving(tmp_path, trusted_proxies="192.0.2.1") as live, proxied(live.url, rules) as at:
        made = Live(at, live.data, live.log)
        shop = make_retriever(made, make_collection(made))
        url = made.ok("POST", f"/v1/retrievers/{shop}/publish")["public_url"]
        made.close()
    assert url.startswith(live.url)


def test_a_server_without_keys_shows_strangers_nothing_and_says_so_in_its_log(live: Live):
    assert "no key exists: whoever reaches this address may read and change everything" in (
        live.log.read_text()
    )
    make_collection(live)
    for rules in (Rules(), Rules(keeps_host=False), Rules(prefix="/x"), Rules(scheme="https")):
        with proxied(live.url, rules) as at:
            answer = httpx.get(f"{at}/v1/collections")
            assert answer.json()["error"]["code"] == "proxy_without_key", rules
            assert httpx.get(f"{at}/readyz").status_code == 200


@pytest.mark.timeout(240)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_a_person_searches_below_the_prefix(tmp_path: Path, rules: Rules):
    if missing := needs():
        pytest.skip(missing)
    secret = key(tmp_path / "data")
    rules = msgspec.structs.replace(rules, key=secret)
    with serving(tmp_path, root_path="/search") as live, proxied(live.url, rules) as at:
        inside = Live(at, live.data, live.log)
        fill(inside)
        inside.close()
        journey(at, only="search, click, receipt")
