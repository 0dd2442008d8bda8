"""Executions as server-sent events: what happens in which order, what is refused, silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from desireline.http.streaming import ALIVE, kept_alive
from tests.e2e.live import (
    OWN,
    Live,
    a_filter,
    a_search,
    a_stage,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
)

Q = {"inputs": {"query": "wireless earbuds"}}
LIMIT = {"stage_id": "limit", "parameters": {"limit": 4}}
STAGE = {"event_type", "execution_id", "stage_name", "stage_index", "total_stages"}


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


def told(live: Live, path: str, body: Any) -> list[dict[str, Any]]:
    """The messages of a stream, after its form was checked."""
    reply = live.call("POST", path, body)
    assert reply.status == 200, reply.content
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    blocks = reply.content.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") for block in blocks)
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def kinds(messages: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(each["event_type"], each.get("stage_index", -1)) for each in messages]


@pytest.mark.parametrize("way", ["body", "query"])
def test_every_stage_and_then_the_whole_answer(live: Live, products: str, way: str):
    retriever = make_retriever(live, products, a_stage(fusion="learned"), LIMIT)
    path = f"/v1/retrievers/{retriever}/execute"
    person = {"inputs": {**Q["inputs"], "user_id": "u1", "session_id": f"s-{way}"}}
    body = {**person, "stream": True} if way == "body" else person
    messages = told(live, path + ("?stream=true" if way == "query" else ""), body)
    assert kinds(messages) == [
        ("stage_start", 0), ("stage_complete", 0), ("stage_start", 1), ("stage_complete", 1),
        ("execution_complete", -1),
    ]  # fmt: skip
    start, search, _, limit, last = messages
    assert set(start) == STAGE
    assert (start["stage_name"], limit["stage_name"]) == ("feature_search", "limit")
    assert {each["total_stages"] for each in messages[:4]} == {2}
    assert search["statistics"]["output_count"] == len(search["documents"]) == 25
    assert limit["statistics"]["input_count"] == 25
    assert [d["document_id"] for d in limit["documents"]] == ids(last)
    plain = live.ok("POST", path, person)
    assert ids(plain) == ids(last)
    assert plain.keys() | {"event_type"} == last.keys()
    assert len({each["execution_id"] for each in messages}) == 1
    assert click(live, last, 1)["teaches"]
    live.ok("POST", "/v1/admin/flush")
    logged = live.ok("GET", f"/v1/retrievers/executions/{last['execution_id']}")
    assert [d["document_id"] for d in logged["documents"]] == ids(last)


def test_a_listing_and_a_page_are_streamed_too(live: Live, products: str):
    listing = make_retriever(live, products, a_filter({"price": {"lt": 9}}))
    path = f"/v1/retrievers/{listing}/execute"
    messages = told(live, path, {"stream": True, "pagination": {"limit": 4}})
    assert [kind for kind, _ in kinds(messages)] == [
        "stage_start", "stage_complete", "execution_complete",
    ]  # fmt: skip
    cursor = {"limit": 4, "cursor": messages[-1]["pagination"]["next_cursor"]}
    rest = told(live, path, {"stream": True, "pagination": cursor})[-1]
    assert ids(messages[-1]) + ids(rest) == ids(execute(live, listing))[:8]


def test_what_is_wrong_before_the_start_is_an_ordinary_refusal(live: Live, products: str):
    retriever = make_retriever(live, products)
    path = f"/v1/retrievers/{retriever}/execute"
    for body, code in (({"inputs": {}}, "missing_input"), ({**Q, "limit": 0}, "wrong_value"),
                       ({**Q, "pagination": {"cursor": "x"}}, "invalid_cursor"),
                       ({**Q, "filters": {"nowhere": 1}}, "unknown_field")):  # fmt: skip
        assert live.refused("POST", path, body | {"stream": True})["code"] == code
    assert live.refused("POST", "/v1/retrievers/none/execute", {"stream": True})["status"] == 404


def test_what_goes_wrong_on_the_way_is_a_message(live: Live, products: str):
    absent = a_filter({"nowhere": 1})
    failing = make_retriever(live, products, a_stage(), absent)
    skipping = make_retriever(live, products, a_stage(), absent | {"on_error": "skip"}, LIMIT)
    vector = make_retriever(live, products, a_stage([a_search(OWN, query="{{INPUT.vector}}")]))
    messages = told(live, f"/v1/retrievers/{failing}/execute", {**Q, "stream": True})
    assert kinds(messages)[-2:] == [("stage_error", 1), ("execution_error", -1)]
    for each in messages[-2:]:
        assert each["error"]["code"] == "unknown_field"
        assert each["error"]["hint"]
        assert each["error"]["status"] == 422
    assert messages[-1]["status"] == "failed"
    messages = told(live, f"/v1/retrievers/{skipping}/execute", {**Q, "stream": True})
    assert [kind for kind, _ in kinds(messages)] == [
        "stage_start", "stage_complete", "stage_start", "stage_error", "stage_complete",
        "stage_start", "stage_complete", "execution_complete",
    ]  # fmt: skip
    assert messages[-1]["status"] == "degraded"
    short = {"inputs": {"vector": [1.0]}, "stream": True}
    last = told(live, f"/v1/retrievers/{vector}/execute", short)[-1]
    assert (last["event_type"], last["error"]["code"]) == ("execution_error", "wrong_dimension")


def test_a_client_that_goes_away_leaves_a_server_that_answers(live: Live, products: str):
    retriever = make_retriever(live, products)
    path = f"{live.url}/v1/retrievers/{retriever}/execute"
    before = live.log.read_bytes().count(b"Traceback")
    for _ in range(20):
        with httpx.stream("POST", path, json={**Q, "stream": True}) as response:
            assert next(response.iter_raw())
    assert ids(execute(live, retriever))
    assert live.log.read_bytes().count(b"Traceback") == before


def test_silence_is_filled():
    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0.05)
        yield b"b"

    async def heard(seconds: float) -> list[bytes]:
        return [each async for each in kept_alive(slow(), seconds)]

    found = asyncio.run(heard(0.01))
    assert [each for each in found if each != ALIVE] == [b"a", b"b"]
    assert found.count(ALIVE) >= 2
    assert asyncio.run(heard(5)) == [b"a", b"b"]
    assert ALIVE.startswith(b":")


def test_who_stops_listening_stops_the_messages():
    ended = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def story() -> None:
        heard = kept_alive(endless(), 60)
        assert await anext(heard) == b"a"
        waiting = asyncio.ensure_future(anext(heard))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(story())
    assert ended == [True]
