"""Consumed content: left out on request without client code, exactly what was acknowledged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.live import Live, a_document, a_name, execute, ids, make_collection, make_retriever

ROOT = "/v1/retrievers/interactions"


@pytest.fixture(scope="module")
def shop(live: Live) -> str:
    collection = make_collection(live, [a_document(number) for number in range(20)])
    return make_retriever(live, collection)


def act(live: Live, document_id: str, kind: str, **more: Any) -> None:
    row = {"feature_id": document_id, "interaction_type": kind, "position": 0, **more}
    assert live.ok("POST", ROOT, row)["interaction_id"]


def test_it_is_what_the_client_code_of_the_seed_does(live: Live, shop: str):
    user = a_name("user")
    before = ids(execute(live, shop, user_id=user))
    for place, kind in ((0, "purchase"), (2, "PURCHASE"), (3, "click")):
        act(live, before[place], kind, user_id=user)
    listed = live.ok("GET", f"{ROOT}?user_id={user}&interaction_type=purchase&days=90")["results"]
    bought = {"document_id": {"$nin": [row["feature_id"] for row in listed]}}
    wanted = {"interaction_types": ["purchase"], "days": 90}
    left = ids(execute(live, shop, user_id=user, exclude_interacted=wanted))
    assert left == ids(execute(live, shop, user_id=user, filters=bought))
    assert {*left} == {*before} - {before[0], before[2]}
    alone = {"interaction_types": "purchase", "days": 90}
    assert ids(execute(live, shop, user_id=user, exclude_interacted=alone)) == left
    both = {"interaction_types": ["purchase", "click"]}
    assert before[3] not in ids(execute(live, shop, user_id=user, exclude_interacted=both))
    assert ids(execute(live, shop, user_id=a_name("user"), exclude_interacted=both)) == before


def test_it_joins_the_other_filters(live: Live, shop: str):
    user = a_name("user")
    some = ids(execute(live, shop))[:4]
    act(live, some[0], "click", user_id=user)
    asked = {"filters": {"document_id": {"$in": some}}, "user_id": user}
    wanted = {"interaction_types": ["click"]}
    assert ids(execute(live, shop, exclude_interacted=wanted, **asked)) == ids(
        execute(live, shop, filters={"document_id": {"$in": some[1:]}})
    )


def test_each_act_is_left_out_from_the_next_request_on(live: Live, shop: str):
    session = a_name("session")
    wanted = {"interaction_types": ["click"]}
    seen: list[str] = []
    for _ in range(8):
        shown = ids(execute(live, shop, session_id=session, exclude_interacted=wanted))
        assert not {*shown} & {*seen}
        act(live, shown[0], "click", session_id=session)
        seen.append(shown[0])


def test_days_bound_it(live: Live, shop: str):
    user, first = a_name("user"), ids(execute(live, shop))[0]
    act(live, first, "click", user_id=user, occurred_at="2026-01-01T00:00:00Z")
    for days, is_shown in ((1, True), (3650, False)):
        wanted = {"interaction_types": ["click"], "days": days}
        shown = ids(execute(live, shop, user_id=user, exclude_interacted=wanted))
        assert (first in shown) == is_shown


def test_a_deleted_act_is_shown_again(live: Live, shop: str):
    user, first = a_name("user"), ids(execute(live, shop))[0]
    wanted = {"interaction_types": ["click"]}
    act(live, first, "click", user_id=user)
    assert first not in ids(execute(live, shop, user_id=user, exclude_interacted=wanted))
    assert live.ok("DELETE", f"{ROOT}?user_id={user}")["deleted"] == 1
    assert first in ids(execute(live, shop, user_id=user, exclude_interacted=wanted))


def test_ten_thousand_are_left_out_and_the_rest_is_reported(live: Live, shop: str):
    user, first = a_name("user"), ids(execute(live, shop))[0]
    act(live, first, "click", user_id=user, occurred_at="2026-11-01T00:00:00Z")  # the oldest
    for start in range(0, 10_000, 1000):
        rows = [
            {"feature_id": f"gone{start + number}", "interaction_type": "click", "position": 0,
             "user_id": user, "backfill": True}
            for number in range(1000)
        ]  # fmt: skip
        assert live.ok("POST", f"{ROOT}/batch", {"interactions": rows})["created"] == 1000
    wanted = {"interaction_types": ["click"]}
    answer = execute(live, shop, user_id=user, exclude_interacted=wanted)
    assert first in ids(answer)
    assert answer["limits"] == [
        {"name": "exclude_interacted", "requested": 10_001, "applied": 10_000, "ceiling": 10_000,
         "stage": None},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "code", "path"),
    [
        ({"interaction_types": ["click"]}, "required_field", "$.inputs.user_id"),
        ({}, "required_field", "$.exclude_interacted.interaction_types"),
        ({"interaction_types": ""}, "wrong_value", "$.exclude_interacted.interaction_types"),
        ({"interaction_types": []}, "wrong_value", "$.exclude_interacted.interaction_types"),
        ({"interaction_types": ["no way"]}, None, "$.exclude_interacted.interaction_types[0]"),
        ({"interaction_types": ["click"], "days": 0}, "wrong_value", "$.exclude_interacted.days"),
        ({"interaction_types": ["click"], "day": 3}, "unknown_field", "$.exclude_interacted.day"),
    ],
)
def test_what_is_missing_is_named(live: Live, shop: str, wanted: Any, code: Any, path: str):
    body = {"inputs": {"query": "lamp"}, "exclude_interacted": wanted}
    error = live.refused("POST", f"/v1/retrievers/{shop}/execute", body)
    assert error["status"] == 422
    assert code in (None, error["code"])
    assert error["details"]["validation_errors"][0]["path"] == path
    assert error["hint"]
