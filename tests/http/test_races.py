"""Two requests at once: what was deleted stays deleted, and a name has one owner."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.live import Live, a_name, a_stage

STAGES = [a_stage()]
FEATURES = [{"feature_uri": "t", "kind": "lexical", "fields": ["title"]}]
Call = tuple[str, str, Any]


def at_once(live: Live, calls: Sequence[Call], **headers: str) -> list[int]:
    """Statuses of requests that are all under way together; none is the server's fault."""
    with ThreadPoolExecutor(len(calls)) as pool:
        found = list(pool.map(lambda call: live.call(*call, **headers).status, calls))
    assert max(found) < 500, found
    return found


def test_a_deleted_retriever_does_not_come_back(live: Live) -> None:
    for _ in range(8):
        name = a_name("gone")
        live.ok("POST", "/v1/retrievers", {"retriever_name": name, "stages": STAGES})
        at_once(live, [
            ("DELETE", f"/v1/retrievers/{name}", None),
            ("POST", f"/v1/retrievers/{name}/publish", {"public_name": name}),
            ("PATCH", f"/v1/retrievers/{name}", {"description": "x"}),
            ("POST", f"/v1/retrievers/{name}/learned-fusion/rollout", {"rollout_pct": 5}),
            ("POST", f"/v1/retrievers/{name}/publish", {"public_name": f"{name}-b"}),
        ])  # fmt: skip
        for path in (f"/v1/retrievers/{name}", f"/v1/public/retrievers/{name}/config",
                     f"/v1/public/retrievers/{name}-b/config"):  # fmt: skip
            assert live.refused("GET", path)["status"] == 404
        again = a_name("again")
        live.ok("POST", "/v1/retrievers", {"retriever_name": again, "stages": STAGES})
        live.ok("POST", f"/v1/retrievers/{again}/publish", {"public_name": f"{name}-b"})


def test_a_name_has_one_owner_and_the_others_leave_nothing(live: Live) -> None:
    before = {each.name for each in (live.data / "index").iterdir()}
    name = a_name("one")
    body = {"namespace_name": name, "vector_configs": [{"name": "x", "dimension": 3}]}
    statuses = at_once(live, [("POST", "/v1/namespaces/standalone", body)] * 6)
    assert sorted(statuses) == [200, *[409] * 5]
    body = {"collection_name": name, "features": FEATURES}
    assert sorted(at_once(live, [("POST", "/v1/collections", body)] * 6)) == [200, *[409] * 5]
    made = {each.name for each in (live.data / "index").iterdir()} - before
    assert len(made) == 2, made


def test_nothing_is_left_of_a_namespace_that_is_deleted_while_it_grows(live: Live) -> None:
    for _ in range(4):
        name = a_name("dying")
        made = live.ok("POST", "/v1/namespaces", {"namespace_name": name})["namespace_id"]
        before = {each.name for each in (live.data / "index").iterdir()}
        calls: list[Call] = [
            ("POST", "/v1/collections", {"collection_name": f"c{n}", "features": FEATURES})
            for n in range(5)
        ]
        calls.insert(2, ("DELETE", f"/v1/namespaces/{made}", None))
        at_once(live, calls, X_Namespace=made)
        assert {each.name for each in (live.data / "index").iterdir()} == before
