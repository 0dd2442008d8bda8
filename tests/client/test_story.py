"""The client against a real server: seeds 000 and 002 as its user writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from desireline import ApiError, AsyncClient, Client
from desireline.client.errors import AlreadyExists, Invalid, NotAvailable, NotFound
from tests.e2e.live import FEATURES, OWN, TEXT, Live, a_document, a_name, a_search, a_stage

Q = "wireless earbuds"


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    with Client(base_url=live.url) as client:
        yield client


@pytest.fixture
def collection(client: Client) -> str:
    name = a_name("boots")
    client.collections.create(name, features=FEATURES)
    done = client.documents.upsert(name, (a_document(n) for n in range(30)), batch_size=12)
    assert (done.upserted, done.failed, [r.index for r in done.results]) == (30, 0, [*range(30)])
    return name


@pytest.fixture
def retriever(client: Client, collection: str) -> str:
    made = client.retrievers.create(
        retriever_name=a_name("search"), stages=[a_stage()], collection_identifiers=[collection]
    )
    return made.retriever_id


def test_documents(client: Client, collection: str):
    assert client.collections.get(collection).document_count == 30
    assert client.collections.get(collection).features[0].feature_uri == TEXT
    assert collection in [c.collection_name for c in client.collections.list(page_size=1)]
    assert len([*client.documents.list(collection, page_size=7)]) == 30
    cheap = client.documents.list(collection, filters={"price": {"lt": 5}}, page_size=2)
    assert [d.document_id for d in cheap] == ["d00", "d01", "d02", "d03", "d04"]
    assert [d.price for d in cheap] == [0, 1, 2, 3, 4]
    assert client.documents.update(collection, "d03", {"colour": "pink"}).colour == "pink"
    changed = client.documents.batch_update(
        collection, [{"document_id": "d04", "fields": {"colour": "pink"}}]
    )
    assert changed.failed == 0
    assert client.documents.get(collection, "d04")["colour"] == "pink"
    bad = client.documents.upsert(collection, [{"title": "no id"}, a_document(31)])
    assert (bad.upserted, bad.failed) == (1, 1)
    assert bad.results[0].error.hint
    client.documents.delete(collection, "d31")
    with pytest.raises(NotFound) as caught:
        client.documents.get(collection, "d31")
    assert caught.value.request_id
    odd = {"document_id": "a/b ?#%.ä", "title": "odd"}
    assert client.documents.upsert(collection, [odd]).failed == 0
    assert client.documents.get(collection, odd["document_id"]).title == "odd"
    assert client.collections.update(collection, description="x").description == "x"
    assert client.collections.delete(collection).success


def test_static_weights_and_signals(client: Client, collection: str):
    """Seed 002, sections 1 and 2."""
    name, calls = a_name("product-search"), client.retrievers
    weighted = [a_search(TEXT, weight=0.6), a_search(FEATURES[1]["feature_uri"], weight=0.4)]
    retriever = calls.create(
        retriever_name=name, stages=[a_stage(weighted, fusion="weighted", final_top_k=25)],
        collection_identifiers=[collection],
    )  # fmt: skip
    rid = retriever.retriever_id
    assert (retriever.fusion, retriever.version) == ("weighted", 1)
    with pytest.raises(AlreadyExists):
        calls.create(name=name, stages=[a_stage()])
    person = {"user_id": "user_456", "session_id": a_name("s")}
    results = calls.execute(rid, inputs={"query": Q, **person})
    first = results.documents[0]
    assert len(results.documents) <= 25
    assert first.score == pytest.approx(sum(part.contribution for part in first.attribution))
    assert first.title
    purchase = calls.create_interaction(
        feature_id=results["documents"][2]["document_id"], interaction_type=["purchase"],
        position=2, metadata={"query": Q, "order_value": 49.99}, **person,
    )  # fmt: skip
    assert purchase.metadata.reward_value == 3.0
    clicked = calls.create_interaction_from_result(results, position=0, user_id="user_456")
    assert (clicked.attribution, clicked.rank, clicked.execution_id) == (
        "logged", 0, results.execution_id,
    )  # fmt: skip
    again = calls.create_interaction_from_result(results, position=0, user_id="user_456")
    assert (again.deduplicated, again.interaction_id) == (True, None)
    read = client.executions.get(results.execution_id)
    assert read.documents[0].document_id == first.document_id
    assert calls.get(name).retriever_id == rid
    assert name in [r.retriever_name for r in calls.list(search=name)]
    assert calls.delete(rid).success


def test_learned_weights_and_their_switches(client: Client, retriever: str):
    """Seed 002, sections 3 to 10."""
    rid, calls = retriever, client.retrievers
    updated = calls.update(retriever_id=rid, stages=[a_stage(fusion="learned", final_top_k=25)])
    assert (updated.retriever.fusion, updated.retriever.version) == ("learned", 2)
    context = calls.run(rid, inputs={"query": Q, "user_id": "user_new"}).learned_fusion_context
    assert sum(context.sampled_weights.values()) == pytest.approx(1)
    for number in range(8):
        who = {"user_id": "user_123", "session_id": f"s{number}"}
        found = client.retriever(rid).execute({"query": Q, **who})
        calls.create_interaction_from_result(found, position=0, **who)
    assert client.admin.flush(close_executions=True).flushed
    weights = calls.get_user_weights(retriever_id=rid, user_id="user_123")
    assert weights["context_level"] in ("personal", "demographic", "global")
    assert sum(weights["sampled_weights"].values()) == pytest.approx(1)
    assert calls.get_weights(rid).weights
    assert calls.get_stats(rid).enabled
    signals = client.analytics.retrievers.signals(rid, hours=1)
    assert signals[0].signal_data.weights
    assert calls.disable_learned_fusion(rid).enabled is False
    assert calls.enable_learned_fusion(rid).changed
    assert calls.set_rollout(rid, rollout_pct=10).effective_rollout_pct == 10
    assert calls.opt_out_user(rid, user_id="a/b?c").user_id == "a/b?c"
    assert not calls.opt_in_user(rid, user_id="a/b?c").opted_out
    assert calls.reset_user(rid, user_id="user_123").reset
    assert {v.version for v in calls.versions(rid)} == {1, 2}


def test_content_already_consumed(client: Client, retriever: str):
    """Seed 000: the list is iterated over all pages, and filters the next search."""
    user, found = a_name("user"), client.retriever(retriever).execute(query=Q, limit=10)
    for position in range(5):
        client.interactions.create_from_result(
            found, position=position, interaction_type=["purchase"], user_id=user
        )
    client.admin.flush()
    previous_purchases = client.interactions.list(
        user_id=user, interaction_type=["purchase"], days=90, page_size=2
    )
    bought = {i.feature_id for i in previous_purchases}
    assert bought == {d.document_id for d in found.documents[:5]}
    page = previous_purchases.page()
    assert len(page.results) == 2
    assert page.pagination.next_cursor
    filters = {"document_id": {"$nin": [i.feature_id for i in previous_purchases]}}
    fresh = client.retriever(retriever).execute(query=Q, filters=filters)
    assert fresh.documents
    assert not bought & {d.document_id for d in fresh.documents}
    without = client.retriever(retriever).execute(query=Q, filters={"document_id": {"$nin": []}})
    assert [d.document_id for d in without.documents][:5] == [
        d.document_id for d in found.documents[:5]
    ]


def test_past_acts_in_bulk(client: Client, retriever: str):
    user = a_name("old")
    rows = [
        {"feature_id": f"d{n % 30:02d}", "interaction_type": "click", "position": n % 10,
         "user_id": user, "retriever_id": retriever, "occurred_at": "2026-10-01T10:00:00Z"}
        for n in range(1200)
    ]  # fmt: skip
    done = client.retrievers.backfill_interactions([*rows, {"feature_id": "d01"}])
    assert (done.created, done.failed) == (1200, 1)
    assert done.results[1200].status == "failed"
    assert len({row.interaction_id for row in done.results[:1200]}) == 1200
    client.admin.flush()
    assert (
        len({i.interaction_id for i in client.interactions.list(user_id=user, page_size=500)})
        == 1200
    )
    page = client.interactions.page(page=3, page_size=500, user_id=user)
    assert len(page.results) == 200
    one = page.results[0].interaction_id
    assert client.retrievers.get_interaction(one).user_id == user
    assert client.retrievers.delete_interaction(one).deleted
    assert not client.retrievers.delete_interaction(one).deleted
    client.interactions.delete_of_user(user)
    assert [*client.interactions.list(user_id=user)] == []


def test_refusals_are_typed(client: Client, retriever: str, live: Live):
    with pytest.raises(Invalid) as caught:
        client.retrievers.execute(retriever, query=Q, limt=5)
    error = caught.value
    assert (error.status, error.path, error.retryable) == (422, "$.limt", False)
    assert error.code
    assert "limit" in str(error)
    assert error.request_id in str(error)
    with pytest.raises(NotAvailable) as missing:
        client.request("GET", "/nowhere")
    assert (missing.value.code, missing.value.call) == ("no_such_route", "GET /v1/nowhere")
    with Client(base_url=live.url, namespace="elsewhere") as other, pytest.raises(ApiError):
        other.retrievers.get(retriever)


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/api/v1"])
def test_every_form_of_the_address(live: Live, retriever: str, base: str):
    with Client(base_url=live.url + base) as client:
        assert client.retrievers.get(retriever).retriever_id == retriever


def test_the_same_awaited(live: Live, retriever: str):
    async def story() -> list[str]:
        async with AsyncClient(base_url=live.url) as client:
            bound = client.retriever(retriever)
            found = await asyncio.gather(*(bound.execute(query=Q, limit=3) for _ in range(8)))
            user = a_name("user")
            for each in found:
                await client.interactions.create_from_result(each, position=1, user_id=user)
            await client.admin.flush()
            rows = client.interactions.list(user_id=user, page_size=3)
            assert len([page async for page in rows.pages()]) == 3
            assert len((await rows.page()).results) == 3
            assert (await client.collections.list(page_size=1).page()).results
            return [row.feature_id async for row in rows]

    assert len(asyncio.run(story())) == 8


def test_tasks(client: Client, collection: str):
    task = client.collections.optimize(collection)
    done = client.tasks.wait(task.task_id, every_s=0.05)
    assert done.status == "COMPLETED", done.error
    assert task.task_id in [each.task_id for each in client.tasks.list(page_size=1)]
    assert client.tasks.delete(task.task_id).status == "COMPLETED"


def test_work_of_ones_own_is_a_task(client: Client):
    task = client.tasks.create("import", inputs=[{"file": "a.csv"}], total=200, unit="bytes")
    told = client.tasks.update(
        task.task_id, done=50, message="reading", checkpoint={"line": 3}, total=100
    )
    assert (told.status, told.progress.percent, told.message) == ("IN_PROGRESS", 50, "reading")
    assert client.tasks.delete(task.task_id).status == "CANCELED"
    assert client.tasks.update(task.task_id, done=60).status == "CANCELED"
    again = client.tasks.retry(task.task_id)
    assert again.additional_data.checkpoint.line == 3
    failed = client.tasks.update(task.task_id, status="FAILED", error="no disk")
    assert (failed.has_ended, failed.error) == (True, "no disk")
    assert failed.inputs[0].file == "a.csv"
    assert client.tasks.wait(task.task_id).status == "FAILED"


def test_a_server_says_that_it_is_ready(client: Client):
    assert client.admin.ready().status == "ready"


def test_an_index_is_built_anew(client: Client, collection: str):
    task = client.collections.rebuild(collection, features=FEATURES[:1])
    done = client.tasks.wait(task.task_id, every_s=0.05)
    assert done.status == "COMPLETED", done.error
    assert [f.feature_uri for f in client.collections.get(collection).features] == [TEXT]


def test_interactions_of_a_retriever(client: Client, retriever: str):
    found = client.retriever(retriever).execute(query=Q)
    client.interactions.create_from_result(found, position=0, user_id="u")
    client.admin.flush()
    page = client.retrievers.list_interactions(retriever, page_size=1)
    assert [row.execution_id for row in page.results] == [found.execution_id]


def test_executions_are_listed(client: Client, retriever: str):
    made = {client.retriever(retriever).execute(query=Q).execution_id for _ in range(5)}
    client.admin.flush()
    assert {e.execution_id for e in client.executions.list(retriever, page_size=2)} == made


def test_somebody_elses_engine(client: Client):
    uris = ["own://words", "own://vectors"]
    searches = [{"feature_uri": uri} for uri in uris]
    made = client.retrievers.create(
        a_name("own"), stages=[a_stage(searches, fusion="learned", final_top_k=10)]
    )
    runs = [
        {"feature_uri": uri, "hits": [{"document_id": f"B{n}", "score": 9.5 - n} for n in range(9)]}
        for uri in uris
    ]
    bound = client.retriever(made.retriever_id)
    fused = bound.fuse(runs, query="boots", user_id="u1", session_id=a_name("s"), limit=5)
    assert [d.document_id for d in fused.documents] == ["B0", "B1", "B2", "B3", "B4"]
    assert {part.feature_uri for part in fused.documents[0].attribution} == set(uris)
    assert client.interactions.create_from_result(fused, position=1, user_id="u1").teaches
    shown = [{"document_id": "B7", "score": 1.2}, {"document_id": "B1"}]
    logged = client.executions.create(made.retriever_id, shown, query="boots", external_id="x-1")
    again = client.executions.create(made.retriever_id, shown, query="boots", external_id="x-1")
    assert (again.execution_id, again.deduplicated) == (logged.execution_id, True)
    read = client.executions.get(logged.execution_id)
    assert [d.document_id for d in read.documents] == ["B7", "B1"]


def test_copies_and_publications(client: Client, retriever: str):
    copy = client.retrievers.clone(retriever, retriever_name=a_name("copy"))
    assert copy.source_retriever_id == retriever
    assert copy.retriever.retriever_id != retriever
    published = client.retrievers.publish(retriever, public_name=a_name("public"))
    assert client.retrievers.publication(retriever).public_name == published.public_name
    found = client.request(
        "POST", f"/public/retrievers/{published.public_name}/execute", {"inputs": {"query": Q}}
    )
    assert found.documents[0].document_id
    assert client.retrievers.unpublish(retriever).success


def test_vectors_of_ones_own(client: Client):
    name = a_name("vectors")
    made = client.namespaces.create(
        name, vector_configs=[{"name": "v", "dimension": 2, "metric": "cosine"}]
    )
    assert name in [each.namespace_name for each in client.namespaces.list()]
    documents = [
        {"document_id": f"d{n}", "vectors": {"v": np.array([1.0, n])}, "payload": {"n": n}}
        for n in range(3)
    ]
    done = client.namespaces.documents.upsert(made.namespace_id, documents)
    assert (done.inserted, done.failed) == (3, 0)
    assert client.namespaces.get(name).namespace_id == made.namespace_id
    assert client.namespaces.delete(name).success


def test_reports(client: Client, retriever: str, collection: str):
    client.retrievers.update(retriever, stages=[a_stage(fusion="learned")])
    client.retrievers.disable_learned_fusion(retriever)
    activity = client.retrievers.get_activity(retriever)
    assert "disabled" in [each.event_type for each in activity.events]
    assert client.retrievers.get_convergence(retriever, days=2).converged is False
    assert client.retrievers.get_shadow_report(retriever, hours=1).executions == 0
    assert client.retrievers.typeahead("wire", limit=3).query == "wire"
    found = client.documents.search([collection], Q, page_size=3)
    assert len(found.results) == 3


def test_many_queries_at_once(client: Client, retriever: str):
    batch = client.retrievers.execute_batch(retriever, queries=[{"query": Q}, {"query": "x"}])
    assert (batch.total, batch.failed) == (2, 0)
    assert batch.results[0].response.documents[0].document_id


def test_what_would_run(client: Client, retriever: str):
    plan = client.retrievers.explain(retriever, {"query": Q})
    assert plan.retriever_id == retriever
    assert plan.execution_plan


def test_what_each_stage_does(client: Client, retriever: str):
    messages = [*client.retriever(retriever).stream(query=Q)]
    kinds = [message.kind for message in messages]
    assert kinds[0] == "stage_start"
    assert kinds[-1] == "execution_complete"


def test_searching_without_a_retriever(client: Client, collection: str):
    found = client.search(Q, collection=collection, filters={"colour": "red"}, limit=3)
    assert {d.colour for d in found.documents} == {"red"}
    vector = [1.0] + [0.0] * 7
    own = client.search(queries=[{"feature_uri": OWN, "vector": vector}], collection=collection)
    assert own.documents[0].document_id == "d00"


def test_every_stage_is_listed(client: Client):
    stages = client.retrievers.stages()
    assert "feature_search" in [each.stage_id for each in stages]
