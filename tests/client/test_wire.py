"""One row a method: what is sent, for every method of the published SDK and of ours.

Routes that a server may not have yet are tested here by their request alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from desireline import Client
from tests.client.scripted import Told, scripted

ANY = {
    "results": [], "retriever_id": "r", "retriever_name": "n", "collection_id": "c",
    "collection_name": "c", "namespace_id": "ns", "document_id": "d", "user_id": "u",
    "task_id": "t", "execution_id": "e", "retriever": {"retriever_id": "r", "retriever_name": "n"},
}  # fmt: skip
Q = {"query": "boots"}
CLICK = {"feature_id": "d1", "interaction_type": ["click"], "position": 0}
RESULT = {
    "execution_id": "e",
    "retriever_id": "r",
    "documents": [{"document_id": "d1", "score": 1}],
}
L = "/v1/retrievers/r/learned-fusion"
A = "/v1/analytics/retrievers/r"
D = "/v1/collections/c/documents"
E = "/v1/retrievers/evaluations/datasets"
I = "/v1/retrievers/interactions"  # noqa: E741

ROWS: list[tuple[Callable[[Client], Any], str, Any]] = [
    (lambda c: list(c.retrievers.list(search="x")), "POST /v1/retrievers/list", {"search": "x"}),
    (lambda c: c.retrievers.get("r"), "GET /v1/retrievers/r", None),
    (lambda c: c.retrievers.delete("r"), "DELETE /v1/retrievers/r", None),
    (lambda c: c.retrievers.create(name="n", stages=[{}], tags=["t"]), "POST /v1/retrievers",
     {"retriever_name": "n", "stages": [{}], "tags": ["t"]}),
    (lambda c: c.retrievers.update("r", stages=[]), "PATCH /v1/retrievers/r", {"stages": []}),
    (lambda c: c.retrievers.execute("r", inputs=Q, settings={"limit": 3}),
     "POST /v1/retrievers/r/execute", {"inputs": Q, "settings": {"limit": 3}}),
    (lambda c: c.retrievers.run("r", inputs=Q), "POST /v1/retrievers/r/execute", {"inputs": Q}),
    (lambda c: c.retriever("r").execute(query="boots", filters={"a": 1}),
     "POST /v1/retrievers/r/execute", {"inputs": Q, "filters": {"a": 1}}),
    (lambda c: c.retrievers.execute_batch("r", queries=[Q, {"inputs": Q}], concurrency=2),
     "POST /v1/retrievers/r/execute/batch",
     {"queries": [{"inputs": Q}, {"inputs": Q}], "concurrency": 2}),
    (lambda c: c.retrievers.explain("r", Q),
     "POST /v1/retrievers/r/execute/explain", {"inputs": Q}),
    (lambda c: list(c.retrievers.stream("r", Q)), "POST /v1/retrievers/r/execute",
     {"inputs": Q, "stream": True}),
    (lambda c: list(c.retriever("r").stream(Q)), "POST /v1/retrievers/r/execute",
     {"inputs": Q, "stream": True}),
    (lambda c: c.retrievers.fuse("r", [{"feature_uri": "u", "hits": []}], inputs=Q, session_id="s"),
     "POST /v1/retrievers/r/fuse",
     {"inputs": Q, "session_id": "s", "runs": [{"feature_uri": "u", "hits": []}]}),
    (lambda c: c.retriever("r").fuse([], query="boots", limit=5), "POST /v1/retrievers/r/fuse",
     {"inputs": Q, "limit": 5, "runs": []}),
    (lambda c: c.retrievers.clone("r", retriever_name="n"), "POST /v1/retrievers/r/clone",
     {"retriever_name": "n"}),
    (lambda c: c.retrievers.clone("r", {"overrides": {}}, name="n"), "POST /v1/retrievers/r/clone",
     {"overrides": {}, "retriever_name": "n"}),
    (lambda c: c.retrievers.publish("r", public_name="p"), "POST /v1/retrievers/r/publish",
     {"public_name": "p"}),
    (lambda c: c.retrievers.publication("r"), "GET /v1/retrievers/r/publish", None),
    (lambda c: c.retrievers.unpublish("r"), "DELETE /v1/retrievers/r/publish", None),
    (lambda c: list(c.retrievers.versions("r")), "GET /v1/retrievers/r/versions", None),
    (lambda c: c.retrievers.stages(category="sort"),
     "GET /v1/retrievers/stages?category=sort", None),
    (lambda c: c.retrievers.typeahead("bo"), "GET /v1/retrievers/typeahead?q=bo&limit=10", None),
    (lambda c: c.retrievers.run_evaluation("r", dataset_id="ds"),
     "POST /v1/retrievers/r/evaluations",
     {"dataset_name": "ds"}),
    (lambda c: c.retrievers.create_interaction(document_id="d1", interaction_type=["click"],
                                               user_id=None), f"POST {I}", CLICK),
    (lambda c: c.retrievers.create_interaction_from_result(RESULT, position=0, user_id="u"),
     f"POST {I}", {**CLICK, "execution_id": "e", "retriever_id": "r", "document_score": 1,
                   "user_id": "u"}),
    (lambda c: c.retrievers.backfill_interactions([CLICK, {**CLICK, "occurred_at": "2026-01-01"}]),
     f"POST {I}/batch",
     {"interactions": [{**CLICK, "backfill": True}, {**CLICK, "occurred_at": "2026-01-01"}]}),
    (lambda c: c.retrievers.list_interactions("r", page=2, page_size=7), f"POST {I}/list",
     {"page": 2, "page_size": 7, "retriever_id": "r"}),
    (lambda c: c.interactions.delete_of_user("a/b"), f"DELETE {I}?user_id=a%2Fb", None),
    (lambda c: c.retrievers.get_interaction("i"), f"GET {I}/i", None),
    (lambda c: c.retrievers.delete_interaction("i"), f"DELETE {I}/i", None),
    (lambda c: c.retrievers.interactions.create("d1", interaction_type=["click"]),
     f"POST {I}", CLICK),
    (lambda c: c.interactions.batch(iter([CLICK])), f"POST {I}/batch", {"interactions": [CLICK]}),
    (lambda c: list(c.interactions.list(user_id="u", interaction_type=["purchase"], days=90)),
     f"POST {I}/list", {"user_id": "u", "interaction_type": ["purchase"], "days": 90}),
    (lambda c: c.retrievers.enable_learned_fusion("r"), f"POST {L}/enable", {}),
    (lambda c: c.retrievers.disable_learned_fusion("r", reason="x"), f"POST {L}/disable",
     {"reason": "x"}),
    (lambda c: c.retrievers.set_rollout("r", rollout_pct=10), f"POST {L}/rollout",
     {"rollout_pct": 10}),
    (lambda c: c.retrievers.opt_out_user("r", user_id="a/b?c"),
     f"POST {L}/opt-out/a%2Fb%3Fc", None),
    (lambda c: c.retrievers.opt_in_user("r", user_id=".."), f"POST {L}/opt-in/%2E%2E", None),
    (lambda c: c.retrievers.reset_user("r", user_id="u"), f"DELETE {L}/user/u", None),
    (lambda c: c.retrievers.reset_user("r", "u", erase=True),
     f"DELETE {L}/user/u?erase=true", None),
    (lambda c: c.retrievers.get_weights("r"), f"GET {L}/weights", None),
    (lambda c: c.retrievers.get_user_weights("r", user_id="u", user_segment="pro"),
     f"GET {L}/weights/u?user_segment=pro", None),
    (lambda c: c.retrievers.get_stats("r"), f"GET {L}/stats", None),
    (lambda c: c.retrievers.get_activity("r", limit=5), f"GET {L}/activity?limit=5", None),
    (lambda c: c.retrievers.get_shadow_report("r", hours=1),
     f"GET {L}/shadow-report?hours=1", None),
    (lambda c: c.retrievers.get_segments("r", limit=5), f"GET {L}/segments?limit=5", None),
    (
        lambda c: c.retrievers.get_changes("r", "2026-01-31"),
        f"GET {L}/changes?since=2026-01-31",
        None,
    ),
    (lambda c: c.retrievers.get_convergence("r"), f"GET {L}/convergence", None),
    (lambda c: c.executions.get("e"), "GET /v1/retrievers/executions/e", None),
    (lambda c: list(c.executions.list()), "POST /v1/retrievers/executions/list", {}),
    (lambda c: list(c.retrievers.executions.list("r", user_id="u")),
     "POST /v1/retrievers/r/executions/list", {"user_id": "u"}),
    (lambda c: c.executions.create("r", [{"document_id": "d"}], query="boots", session_id="s"),
     "POST /v1/retrievers/r/executions",
     {"inputs": Q, "shown": [{"document_id": "d"}], "session_id": "s"}),
    (lambda c: c.evaluations.create_dataset("d", [Q], description="x"), f"POST {E}",
     {"dataset_name": "d", "queries": [Q], "description": "x"}),
    (lambda c: c.evaluations.list_datasets(), f"GET {E}?page=1&page_size=20", None),
    (lambda c: c.evaluations.get_dataset("d"), f"GET {E}/d", None),
    (lambda c: c.evaluations.generate_from_interactions("r", min_interactions=5),
     "POST /v1/retrievers/r/evaluations/generate-from-interactions", {"min_interactions": 5}),
    (lambda c: c.evaluations.run("r", dataset_name="d"), "POST /v1/retrievers/r/evaluations",
     {"dataset_name": "d"}),
    (lambda c: c.evaluations.list("r"), "GET /v1/retrievers/r/evaluations", None),
    (lambda c: c.evaluations.get("r", "ev"), "GET /v1/retrievers/r/evaluations/ev", None),
    (lambda c: c.analytics.get_query_document_pairs(date_range="last_30_days", min_interactions=2),
     "POST /v1/training/pairs", {"date_range": "last_30_days", "min_interactions": 2}),
    (lambda c: c.analytics.get_retriever_signals(retriever_id="r"), f"GET {A}/relevance", None),
    (lambda c: c.analytics.retrievers.performance("r", hours=24),
     f"GET {A}/performance?hours=24", None),
    (lambda c: c.analytics.retrievers.stages("r"), f"GET {A}/stages", None),
    (lambda c: c.analytics.retrievers.slow_queries("r"), f"GET {A}/slow-queries", None),
    (lambda c: c.analytics.retrievers.cache_performance("r"), f"GET {A}/cache-performance", None),
    (lambda c: c.analytics.retrievers.analyze_tuning("r", days=3),
     f"POST {A}/analyze-tuning?days=3",
     None),
    (lambda c: c.training.fine_tune(base_model="m", training_data="p"), "POST /v1/training/jobs",
     {"base_model": "m", "training_data": "p"}),
    (lambda c: c.training.get("j"), "GET /v1/training/jobs/j", None),
    (lambda c: list(c.namespaces.list()), "GET /v1/namespaces", None),
    (lambda c: c.namespaces.get("ns"), "GET /v1/namespaces/ns", None),
    (lambda c: c.namespaces.create("ns", description="x"), "POST /v1/namespaces",
     {"namespace_name": "ns", "description": "x"}),
    (lambda c: c.namespaces.create(namespace_id="ns", vector_configs=[]),
     "POST /v1/namespaces/standalone", {"vector_configs": [], "namespace_id": "ns"}),
    (lambda c: c.namespaces.delete("ns"), "DELETE /v1/namespaces/ns", None),
    (lambda c: c.namespaces.documents.upsert("ns", [{"document_id": "d"}]),
     "POST /v1/namespaces/ns/documents/upsert", {"documents": [{"document_id": "d"}]}),
    (lambda c: list(c.collections.list()), "POST /v1/collections/list", {}),
    (lambda c: c.collections.get("c"), "GET /v1/collections/c", None),
    (lambda c: c.collections.create("c", features=[{}]), "POST /v1/collections",
     {"collection_name": "c", "features": [{}]}),
    (lambda c: c.collections.update("c", description="x"), "PATCH /v1/collections/c",
     {"description": "x"}),
    (lambda c: c.collections.optimize("c"), "POST /v1/collections/c/optimize", None),
    (lambda c: c.collections.rebuild("c"), "POST /v1/collections/c/rebuild", {}),
    (lambda c: c.collections.delete("c"), "DELETE /v1/collections/c", None),
    (lambda c: c.documents.upsert("c", [{"document_id": "d", "_vectors": {"u": np.zeros(2)}}]),
     f"POST {D}/upsert", {"documents": [{"document_id": "d", "_vectors": {"u": [0.0, 0.0]}}]}),
    (lambda c: list(c.documents.list("c", filters={"a": 1}, page_size=5)), f"POST {D}/list",
     {"filters": {"a": 1}, "page_size": 5}),
    (lambda c: c.documents.get("c", "a/b"), f"GET {D}/a%2Fb", None),
    (lambda c: c.documents.update("c", "d", {"a": None}, b=1), f"PATCH {D}/d", {"a": None, "b": 1}),
    (lambda c: c.documents.batch_update("c", [{"document_id": "d", "fields": {}}]),
     f"POST {D}/batch",
     {"updates": [{"document_id": "d", "fields": {}}]}),
    (lambda c: c.documents.delete("c", "d"), f"DELETE {D}/d", None),
    (lambda c: c.documents.search(["c"], "boots", page_size=5), "POST /v1/documents/search",
     {"collection_ids": ["c"], "query": "boots", "page_size": 5}),
    (lambda c: c.tasks.get("t"), "GET /v1/tasks/t", None),
    (lambda c: list(c.tasks.list(status="FAILED")), "POST /v1/tasks/list", {"status": "FAILED"}),
    (lambda c: c.tasks.delete("t"), "DELETE /v1/tasks/t", None),
    (lambda c: c.tasks.retry("t"), "POST /v1/tasks/t/retry", None),
    (lambda c: c.tasks.wait("t"), "GET /v1/tasks/t", None),
    (lambda c: c.tasks.create("import", inputs=[{"file": "f"}], total=9, unit="bytes"),
     "POST /v1/tasks",
     {"task_type": "import", "inputs": [{"file": "f"}], "total": 9, "unit": "bytes"}),
    (lambda c: c.tasks.update("t", done=3, checkpoint={"line": 2}), "PATCH /v1/tasks/t",
     {"done": 3, "checkpoint": {"line": 2}}),
    (lambda c: c.admin.ready(), "GET /readyz", None),
    (lambda c: c.admin.flush(close_executions=True), "POST /v1/admin/flush",
     {"close_executions": True}),
    (lambda c: c.interactions.trace("int_1"), "GET /v1/retrievers/interactions/int_1/trace", None),
    (lambda c: list(c.live(retriever="r", kinds=["lesson", "task"], follow=False)),
     "GET /v1/live?retriever=r&kinds=lesson%2Ctask&follow=false", None),
    (lambda c: c.search("boots", collection="c", filters={"a": 1}, limit=5),
     "POST /v1/retrievers/execute",
     {"stages": [{"type": "attribute_filter", "conditions": {"a": 1}},
                 {"type": "feature_search", "feature_extractor": {"type": "text"}, "query": "boots",
                  "limit": 5, "collection_ids": ["c"]}], "inputs": Q}),
    (lambda c: c.search(queries=[{"feature_uri": "u", "vector": np.ones(2)}], collection=["c"]),
     "POST /v1/retrievers/execute",
     {"stages": [{"stage_type": "filter", "config": {"stage_id": "feature_search", "parameters": {
         "searches": [{"feature_uri": "u", "vector": [1.0, 1.0]}], "final_top_k": 10}}}],
      "inputs": {}, "collection_identifiers": ["c"]}),
    (lambda c: c.request("get", "/v1/retrievers/r", verbose=1),
     "GET /v1/retrievers/r?verbose=1", None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "request_line", "body"), ROWS, ids=[row[1] for row in ROWS])
def test_a_method_sends(call: Callable[[Client], Any], request_line: str, body: Any):
    answers = [] if "/signals" in request_line else ANY
    with scripted(Told(200, answers)) as script:
        with Client("key", namespace="shop", base_url=script.url) as client:
            call(client)
        asked = script.asked[0]
    assert f"{asked.method} {asked.path}" == request_line
    assert asked.body == body
    assert asked.headers["Authorization"] == "Bearer key"
    assert asked.headers["X-Namespace"] == "shop"


def test_every_method_has_a_row():
    with Client(base_url="http://x") as client:
        groups = {n: v for n, v in vars(client).items() if not n.startswith("_")}
    methods = [
        name
        for group in groups.values()
        for name in vars(type(group))
        if not name.startswith("_") and callable(getattr(type(group), name))
    ]
    text = Path(__file__).read_text()
    elsewhere = {"signals", "relevance", "page", "create_from_result", "backfill", "get", "delete"}
    assert [m for m in methods if f".{m}(" not in text and m not in elsewhere] == []


def test_many_rows_are_several_requests_and_one_answer():
    def told(created: int) -> Told:
        rows = [
            {"index": n, "interaction_id": f"int_{n}", "status": "created"} for n in range(created)
        ]
        return Told(200, {"created": created, "failed": 0, "errors": [], "results": rows})

    with scripted(told(1000), told(500)) as script, Client(base_url=script.url) as client:
        whole = client.interactions.batch(CLICK for _ in range(1500))
    assert [len(each.body["interactions"]) for each in script.asked] == [1000, 500]
    assert (whole.created, len(whole.results), whole.results[-1].index) == (1500, 1500, 1499)


def test_nothing_to_send_sends_nothing():
    with scripted() as script, Client(base_url=script.url) as client:
        assert client.interactions.batch([]).created == 0
        assert client.documents.upsert("c", []).upserted == 0
    assert script.asked == []


def test_lists_follow_cursors_and_page_numbers():
    def told(name: str, **place: Any) -> Told:
        row = {"retriever_id": name, "retriever_name": name}
        return Told(200, {"results": [row], "pagination": place})

    pages = (told("a", next_cursor="c1", next_page=2), told("b", next_page=3), told("c"))
    with scripted(*pages) as script, Client(base_url=script.url) as client:
        assert [r.retriever_id for r in client.retrievers.list(page_size=1)] == ["a", "b", "c"]
    sent = [each.body for each in script.asked]
    assert sent == [{"page_size": 1}, {"page_size": 1, "cursor": "c1"},
                    {"page_size": 1, "page": 3}]  # fmt: skip


def test_messages_of_a_stream_arrive_one_by_one():
    lines = (
        b'event: stage_start\ndata: {"stage_name": "find"}\n\n: keepalive\n\n'
        b'data: {"event_type": "execution_complete",\ndata: "documents": []}\n\n'
    )
    with scripted(Told(200, lines)) as script, Client(base_url=script.url) as client:
        found = list(client.retriever("r").stream(query="boots"))
    assert [each.kind for each in found] == ["stage_start", "execution_complete"]
    assert found[0].stage_name == "find"
    assert found[1]["documents"] == []


def test_a_task_is_waited_for():
    states = ["PENDING", "IN_PROGRESS", "COMPLETED"]
    told = [Told(200, {"task_id": "t", "status": s, "progress": {"done": 1}}) for s in states]
    slept: list[float] = []
    with (
        scripted(*told) as script,
        Client(base_url=script.url, sleep=slept.append) as client,
    ):
        assert client.tasks.wait("t", every_s=0.5).status == "COMPLETED"
        script.answers[:] = [told[0]]
        with pytest.raises(TimeoutError, match="PENDING after 2 s"):
            client.tasks.wait("t", timeout_s=2)
    assert slept == [0.5, 0.5, 1.0, 1.0]


def test_wrong_calls_are_refused_before_anything_is_sent():
    with scripted() as script, Client(base_url=script.url) as client:
        with pytest.raises(ValueError, match="feature_id"):
            client.retrievers.create_interaction(interaction_type="click")
        with pytest.raises(ValueError, match="differs"):
            client.interactions.create("d1", document_id="d2", interaction_type="click")
        with pytest.raises(ValueError, match="either"):
            client.search()
        with pytest.raises(ValueError, match="differs"):
            client.retrievers.execute("r", {"query": "a"}, query="b")
        with pytest.raises(IndexError, match="1 documents"):
            client.interactions.create_from_result(RESULT, position=1)
        with pytest.raises(IndexError):
            client.interactions.create_from_result(RESULT, position=-1)
    assert script.asked == []


def test_a_client_never_shows_its_key():
    with Client("sk_secret", base_url="host:1") as client:
        assert repr(client) == "Client(base_url='http://host:1/v1', namespace='')"
