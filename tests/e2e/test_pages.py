"""Pages of a ranking: all of them together are the list, under learned weights and across restarts.

Over HTTP for the four methods and for bad places; in this process where learning moves on, the
index changes or the server stops between two pages.
"""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from desireline.errors import Invalid
from desireline.http.wire.paging import from_token, to_token
from desireline.steps.serve import Answer, Place, Request, next_place
from desireline.steps.serve.continuing import ANEW
from tests.e2e.live import (
    Live,
    a_filter,
    a_name,
    a_stage,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
)
from tests.systems import (
    NS,
    a_retriever,
    a_system,
    a_thing,
    learn,
    now,
    prefer,
    within,
)
from tests.systems import (
    click as click_in,
)

METHODS = ("offset", "cursor", "scroll", "keyset")


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


@pytest.fixture(scope="module")
def shop(live: Live, products: str) -> str:
    return make_retriever(live, products, a_stage(final_top_k=25))


def first(method: str, size: int) -> dict[str, Any]:
    """The first page of a method."""
    return {"method": method, "page_size" if method == "offset" else "limit": size}


def behind(page: dict[str, Any], answer: Any) -> dict[str, Any]:
    """The page behind this one."""
    at = answer["pagination"]
    named = {
        "offset": {"page_number": at.get("page_number", 1) + 1},
        "cursor": {"cursor": at["next_cursor"]},
        "scroll": {"scroll_id": at.get("scroll_id")},
        "keyset": {"after": at.get("after")},
    }  # fmt: skip
    return page | named[page["method"]]


def pages(live: Live, retriever: str, page: dict[str, Any], **body: Any) -> list[Any]:
    """The answers of all pages."""
    found = []
    while True:
        found.append(execute(live, retriever, pagination=page, **body))
        if not found[-1]["pagination"]["has_next"]:
            return found
        page = behind(page, found[-1])


def listed(answers: list[Any]) -> list[str]:
    return [each for answer in answers for each in ids(answer)]


@pytest.mark.parametrize("size", [1, 7, 25])
@pytest.mark.parametrize("method", METHODS)
def test_pages_together_are_the_list(live: Live, shop: str, method: str, size: int):
    who = {"session_id": a_name("s")}
    whole = ids(execute(live, shop, **who))
    found = pages(live, shop, first(method, size), **who)
    assert listed(found) == whole
    assert len(found) == -(-25 // size)
    assert {answer["execution_id"] for answer in found} == {found[0]["execution_id"]}
    for number, answer in enumerate(found):
        place = answer["pagination"]
        assert (place["method"], place["total"]) == (method, 25)
        assert place["returned"] == len(answer["documents"])
        assert [d["rank"] for d in answer["documents"]] == [
            number * size + d["position"] for d in answer["documents"]
        ]
    last = found[-1]["pagination"]
    assert last["next_cursor"] is None
    assert last.get("scroll_id") is None
    assert last.get("after") is None


def test_a_limit_is_the_first_page_by_cursor(live: Live, shop: str):
    whole, page = ids(execute(live, shop)), execute(live, shop, limit=10)
    cursor = page["pagination"]["next_cursor"]
    rest = execute(live, shop, pagination={"cursor": cursor, "limit": 500})
    assert ids(page) + ids(rest) == whole
    assert execute(live, shop, settings={"limit": 4})["pagination"]["returned"] == 4


def test_the_method_is_guessed_from_what_is_sent(live: Live, shop: str):
    for page, method, size in (({"limit": 3}, "cursor", 3), ({"page_number": 2}, "offset", 10),
                               ({"scroll_ttl": 60}, "scroll", 25), ({"after": {}}, "keyset", 10),
                               ({}, "cursor", 10)):  # fmt: skip
        answer = execute(live, shop, pagination=page)
        assert answer["pagination"]["method"] == method
        assert len(answer["documents"]) == size


def test_a_further_page_belongs_to_its_execution(live: Live, products: str):
    retriever = make_retriever(live, products, a_stage(fusion="learned", final_top_k=25))
    who = {"session_id": a_name("s"), "user_id": "u1"}
    found = pages(live, retriever, first("cursor", 5), **who)
    assert len({answer["execution_id"] for answer in found}) == 1
    receipt = click(live, found[2], 1)
    assert (receipt["attribution"], receipt["rank"], receipt["teaches"]) == ("logged", 11, True)
    again = execute(live, retriever, pagination=behind(first("cursor", 5), found[0]), **who)
    assert ids(again) == ids(found[1])
    live.ok("POST", "/v1/admin/flush")
    name = found[0]["execution_id"]
    logged = live.ok("GET", f"/v1/retrievers/executions/{name}")
    assert [d["document_id"] for d in logged["documents"]] == listed(found)
    assert [d["position"] for d in logged["documents"]] == list(range(25))
    assert logged["total_returned"] == 25
    rows = live.ok("POST", f"/v1/retrievers/{retriever}/executions/list", {})["results"]
    assert [row["execution_id"] for row in rows] == [name]


def test_a_listing_and_later_stages_have_pages(live: Live, products: str):
    cheap = a_filter({"price": {"lt": 12}})
    sort = {"stage_id": "sort_attribute", "parameters": {"field": "price", "direction": "desc"}}
    sample = {"stage_id": "sample", "parameters": {"count": 20}}
    for stages in ([cheap], [cheap, sort], [a_stage(final_top_k=30), sort],
                   [a_stage(group_by={"field": "colour", "max_per_group": 5})]):  # fmt: skip
        retriever = make_retriever(live, products, *stages)
        whole = ids(execute(live, retriever))
        for method in METHODS:
            who = {"session_id": a_name("s")}
            assert listed(pages(live, retriever, first(method, 5), **who)) == whole
    drawn = make_retriever(live, products, a_stage(final_top_k=30), sample)
    found = listed(pages(live, drawn, first("cursor", 6)))
    assert len(found) == len(set(found)) == 20


def test_a_stranger_has_pages_too(live: Live, products: str):
    retriever = make_retriever(live, products, a_stage(final_top_k=25))
    named = live.ok("POST", f"/v1/retrievers/{retriever}/publish", {"public_name": a_name("p")})
    path = f"/v1/public/retrievers/{named['public_name']}/execute"
    body = {"inputs": {"query": "wireless earbuds"}}
    one = live.ok("POST", path, body | {"limit": 10})
    cursor = {"limit": 20, "cursor": one["pagination"]["next_cursor"]}
    two = live.ok("POST", path, body | {"pagination": cursor})
    assert ids(one) + ids(two) == ids(live.ok("POST", path, body))
    assert two["execution_id"] == one["execution_id"]
    assert asked(live, retriever, cursor) == ("$.pagination.cursor", "cursor_expired")
    for name in ("stream", "explain", "return_vectors"):
        assert live.refused("POST", path, body | {name: True})["code"] == "anonymous"


# What is refused.


def asked(
    live: Live, retriever: str, page: Any, query: str = "wireless earbuds", **more: Any
) -> Any:
    body = {"inputs": {"query": query}, "pagination": page, **more}
    error = live.refused("POST", f"/v1/retrievers/{retriever}/execute", body)
    assert error["status"] == 422
    assert error["hint"]
    (place,) = error["details"]["validation_errors"]
    return place["path"], place["type"]


def test_contradictions_are_named(live: Live, shop: str):
    token = execute(live, shop, limit=5)["pagination"]["next_cursor"]
    page = "$.pagination"
    for sent, path in (({"method": "offset", "cursor": token}, "cursor"),
                       ({"method": "cursor", "page_number": 2}, "page_number"),
                       ({"cursor": token, "page_size": 3}, "cursor"),
                       ({"method": "keyset", "scroll_ttl": 60}, "scroll_ttl")):  # fmt: skip
        assert asked(live, shop, sent) == (f"{page}.{path}", "contradiction")
    for more, path in (({"limit": 5}, "$.limit"), ({"page_size": 5}, "$.page_size"),
                       ({"settings": {"limit": 5}}, "$.settings.limit")):  # fmt: skip
        assert asked(live, shop, {"limit": 5}, **more) == (path, "contradiction")
    for sent, path in (({"limit": 0}, "limit"), ({"limit": 501}, "limit"),
                       ({"method": "scroll", "limit": 1001}, "limit"),
                       ({"page_number": 0}, "page_number"), ({"page_size": 501}, "page_size"),
                       ({"page_number": 101, "page_size": 100}, "page_number"),
                       ({"method": "pages"}, "method"), ({"scroll_ttl": 59}, "scroll_ttl"),
                       ({"scroll_ttl": 3601}, "scroll_ttl")):  # fmt: skip
        assert asked(live, shop, sent) == (f"{page}.{path}", "wrong_value")
    assert asked(live, shop, {"curser": token}) == (f"{page}.curser", "unknown_field")


def packed(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def test_a_cursor_that_is_not_ours_is_refused(live: Live, shop: str):
    token = execute(live, shop, limit=5)["pagination"]["next_cursor"]
    name, offset, mark, until = json.loads(base64.urlsafe_b64decode(token + "=="))
    lists = (
        [], {}, "x", [name], [name, -1, mark, 0], [name, 0, mark, 0], [name, 10**9, mark, 0],
        [name, "5", mark, 0], [name, 5, "", 0], [name, 5, mark, -1], [name, 5, mark, 0, 0],
        ["../../x", 5, mark, 0], [name.upper() + "x", 5, mark, 0], [[[[]]]] * 50,
    )  # fmt: skip
    for bad in ("x", "ä", "....", "\x00", "A" * 5000, token[:-4], *map(packed, lists)):
        for field, method in (("cursor", "cursor"), ("scroll_id", "scroll")):
            found = asked(live, shop, {"method": method, field: bad})
            assert found == (f"$.pagination.{field}", "invalid_cursor"), bad
    keyset = execute(live, shop, pagination=first("keyset", 5))["pagination"]["after"]
    for wrong in ({"score": 0.7, "id": "d01"}, keyset | {"rank": -1}, keyset | {"rank": "4"},
                  keyset | {"execution_id": "exec_1"}, keyset | {"more": 1}):  # fmt: skip
        assert asked(live, shop, {"after": wrong}) == ("$.pagination.after", "invalid_cursor")
    # What was shown is not signed: a place elsewhere in the list is a page of it, nothing else.
    jumped = execute(live, shop, pagination={"cursor": packed([name, 20, mark, until]), "limit": 9})
    assert ids(jumped) == ids(execute(live, shop))[20:]
    assert offset == 5


def test_a_place_that_is_gone_says_so(live: Live, products: str, shop: str):
    token = execute(live, shop, limit=5)["pagination"]["next_cursor"]
    name, offset, mark, _ = json.loads(base64.urlsafe_b64decode(token + "=="))
    path, other = "$.pagination.cursor", make_retriever(live, products, a_stage(final_top_k=25))
    expired = (path, "cursor_expired")
    assert asked(live, other, {"cursor": token}) == expired
    assert asked(live, shop, {"cursor": packed(["0" * 32, offset, mark, 0])}) == expired
    over = packed([name, offset, mark, 1])
    assert asked(live, shop, {"scroll_id": over}) == ("$.pagination.scroll_id", "cursor_expired")
    assert asked(live, shop, {"cursor": token}, query="another") == (path, "cursor_mismatch")
    assert (
        asked(live, shop, {"cursor": token}, filters={"price": {"lt": 9}})[1] == "cursor_mismatch"
    )
    namespace = live.ok("POST", "/v1/namespaces", {"namespace_name": a_name("ns")})["namespace_id"]
    twin = live.ok(
        "POST", "/v1/retrievers", {"retriever_name": "twin", "stages": [a_stage(final_top_k=25)]},
        X_Namespace=namespace,
    )["retriever_id"]  # fmt: skip
    body = {"inputs": {"query": "wireless earbuds"}, "pagination": {"cursor": token}}
    error = live.refused("POST", f"/v1/retrievers/{twin}/execute", body, X_Namespace=namespace)
    assert error["code"] == "cursor_expired"
    assert (
        live.call("POST", f"/v1/retrievers/{shop}/execute", body, X_Namespace=namespace).status
        == 404
    )
    changed = execute(live, other, limit=5)["pagination"]["next_cursor"]
    live.ok("PATCH", f"/v1/retrievers/{other}", {"stages": [a_stage(final_top_k=24)]})
    assert asked(live, other, {"cursor": changed}) == expired
    fused = live.ok(
        "POST", f"/v1/retrievers/{shop}/fuse",
        {"inputs": {"query": "wireless earbuds"}, "limit": 1, "runs": [
            {"feature_uri": "mixpeek://text_extractor@v1/multilingual_e5_large_instruct_v1",
             "hits": [{"document_id": f"d0{n}", "score": n} for n in range(3)]}]},
    )  # fmt: skip
    assert fused["pagination"] | {"next_cursor": None} == fused["pagination"]
    stolen = packed([fused["execution_id"].removeprefix("exec_"), 1, mark, 0])
    assert asked(live, shop, {"cursor": stolen}) == expired


# Between two pages.


def page_of(
    system: Any, served: Any, limit: int, place: Place | None = None, **inputs: Any
) -> Answer:
    asked_for = {"query": "red lamp", "session_id": "s1", "user_id": "ada", **inputs}
    request = Request(namespace=NS, inputs=asked_for, limit=limit, behind=place)
    return system.serve.execute(now(system, served), request)


def shown(answers: list[Answer]) -> list[str]:
    return [document.document_id for answer in answers for document in answer.shown]


async def candidates(system: Any, answer: Answer) -> list[str]:
    """The ranking as it was logged."""
    await system.intake.flushed(timeout_ms=20_000)
    (row,) = await system.event_log.query(
        "execution_by_id", namespace=NS, execution_id=answer.execution_id
    )
    return list(row["candidate_ids"])


def test_learning_moves_on_and_the_pages_stay(tmp_path: Path):
    """With an exploration swap in every second ranking, acts of this session and of others."""

    async def story(system: Any) -> None:
        served = await a_retriever(system, exploration_traffic=0.5)
        await prefer(system, served, 1, [f"u{n}" for n in range(12)])
        swapped = 0
        for number in range(8):
            who = {"session_id": f"s{number}", "user_id": f"v{number}"}
            found = [page_of(system, served, 3, **who)]
            assert found[0].choice is not None
            assert found[0].choice.served
            await click_in(system, found[0], number % 3)
            await prefer(system, served, number % 2, [f"w{number}-{n}" for n in range(3)])
            while (place := next_place(found[-1])) is not None:
                found.append(page_of(system, served, 3, place, **who))
            assert shown(found) == (await candidates(system, found[0]))[:20]
            assert len(set(shown(found))) == 20
            assert {answer.choice.weights for answer in found} == {found[0].choice.weights}
            assert {answer.explored_at for answer in found} == {found[0].explored_at}
            swapped += found[0].explored_at >= 0
        assert 0 < swapped < 8

    within(tmp_path, story)


def test_propensities_of_a_further_page_are_those_of_the_whole(tmp_path: Path):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 1, [f"u{n}" for n in range(6)])
        whole = page_of(system, served, 20)
        again = page_of(system, served, 8)
        rest = page_of(system, served, 12, next_place(again))
        assert [*again.propensities, *rest.propensities] == pytest.approx(whole.propensities)

    within(tmp_path, story)


def test_pages_by_number_go_on_in_the_execution_of_the_session(tmp_path: Path):
    async def story(system: Any) -> None:
        served = await a_retriever(system, exploration_traffic=0.5)
        await prefer(system, served, 1, [f"u{n}" for n in range(6)])

        def numbered(offset: int, **inputs: Any) -> Answer:
            request = Request(
                namespace=NS, inputs={"query": "red lamp", **inputs}, limit=5, offset=offset
            )
            return system.serve.execute(now(system, served), request)

        known = [numbered(offset, session_id="s1") for offset in (0, 5, 10, 15)]
        assert len({answer.execution_id for answer in known}) == 1
        assert shown(known) == (await candidates(system, known[0]))[:20]
        other = numbered(5, session_id="s1", query="desk")
        assert other.execution_id != known[0].execution_id
        nobody = numbered(5)
        assert ANEW in nobody.warnings
        assert all(ANEW not in answer.warnings for answer in known)
        assert [place.position for place in system.recent.get(nobody.execution_id).shown] == [
            5, 6, 7, 8, 9,
        ]  # fmt: skip

    within(tmp_path, story)


def test_no_document_comes_twice_when_the_index_changes(tmp_path: Path):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        (shop,) = system.live.collections(NS)
        found = [page_of(system, served, 5)]
        before = shown(found)
        late = {"document_id": "z1", "title": "red lamp " * 9, "caption": "red lamp " * 9}
        await system.corpus.upsert(shop, [late, a_thing(40)])
        await system.index.delete(shop, [before[0], before[3]])
        while (place := next_place(found[-1])) is not None:
            found.append(page_of(system, served, 5, place))
        everything = shown(found)
        assert len(everything) == len(set(everything))
        assert everything[:5] == before
        assert "z1" in everything
        assert len(everything) == found[-1].total

    within(tmp_path, story)


def test_a_restart_between_two_pages_changes_nothing(tmp_path: Path):
    async def first_half() -> tuple[list[list[str]], dict[str, Any], Place, str]:
        async with a_system(tmp_path) as system:
            served = await a_retriever(system, exploration_traffic=0.5)
            await prefer(system, served, 1, [f"u{n}" for n in range(12)])
            sessions = [f"s{n}" for n in range(6)]
            firsts = [page_of(system, served, 4, session_id=each) for each in sessions]
            places = [next_place(each) for each in firsts]
            seconds = [
                page_of(system, served, 4, place, session_id=each)
                for place, each in zip(places, sessions, strict=True)
            ]
            await click_in(system, firsts[0], 2)  # one session acts: its weights are not pinned
            await click_in(system, seconds[1], 1)
            await system.intake.flushed(timeout_ms=20_000)
            kept = {a.execution_id: system.recent.get(a.execution_id) for a in firsts}
            return (
                [shown([a, b]) for a, b in zip(firsts, seconds, strict=True)],
                {name: msgspec.to_builtins(each.shown) for name, each in kept.items()},
                [next_place(each) for each in seconds], served.retriever.retriever_id,
            )  # fmt: skip

    async def second_half(told: Any) -> None:
        before, remembered, places, retriever_id = told
        async with a_system(tmp_path) as system:
            served = system.live.by_id(retriever_id)
            for name, documents in remembered.items():
                after = msgspec.to_builtins(system.recent.get(name).shown)
                for here, there in zip(after, documents, strict=True):
                    assert here == pytest.approx(there) if isinstance(here, float) else True
                    assert (here["document_id"], here["position"], here["rewards"]) == (
                        there["document_id"], there["position"], there["rewards"],
                    )  # fmt: skip
                    assert here["norm_scores"] == pytest.approx(there["norm_scores"], abs=1e-6)
            for number, (half, place) in enumerate(zip(before, places, strict=True)):
                found = [page_of(system, served, 12, place, session_id=f"s{number}")]
                assert half + shown(found) == (await candidates(system, found[0]))[:20]
                assert max(found[0].propensities) <= 1
            assert await learn(system) > 0

    asyncio.run(second_half(asyncio.run(first_half())))


def test_what_could_not_be_logged_is_not_remembered(tmp_path: Path):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        one = page_of(system, served, 4)
        full = system.intake.append

        def refuse(_rows: Any) -> Any:
            from desireline.errors import IntakeFull

            raise IntakeFull("no room", hint="wait")

        system.intake.append = refuse
        two = page_of(system, served, 4, next_place(one))
        system.intake.append = full
        assert len(two.shown) == 4
        assert [lack.resource for lack in two.degraded] == ["log"]
        assert len(system.recent.get(one.execution_id).shown) == 4

    within(tmp_path, story)


def test_a_forgotten_execution_can_not_go_on(tmp_path: Path):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        place = next_place(page_of(system, served, 4))
        system.recent._drop(system.recent.get(place.execution_id))
        with pytest.raises(Invalid) as caught:
            page_of(system, served, 4, place)
        assert caught.value.code == "cursor_expired"
        assert caught.value.hint

    within(tmp_path, story)


def test_a_place_survives_its_text():
    place = Place(execution_id="a" * 32, offset=7, mark="b" * 24, until_ms=9, path="$.x")
    assert from_token(to_token(place), "$.x") == place
