"""Runs in the vendor client's own environment: seed 002 as SDK calls, and every method built here.

`python sdk_story.py BASE_URL COLLECTION RETRIEVER_NAME` prints what came back as one JSON object.
Knows the published package `mixpeek` only, as its users know it.
"""

import json
import sys

from mixpeek import Mixpeek
from mixpeek._client.client import MixpeekAPIError

TEXT = "mixpeek://text_extractor@v1/multilingual_e5_large_instruct_v1"
IMAGE = "mixpeek://multimodal_extractor@v1/vertex_multimodal_embedding"


def a_stage(**parameters):
    searches = [
        {"feature_uri": TEXT, "query": "{{INPUT.query}}", "top_k": 100},
        {"feature_uri": IMAGE, "query": "{{INPUT.query}}", "top_k": 100},
    ]
    for search, weight in zip(searches, parameters.pop("weights", ()), strict=False):
        search["weight"] = weight
    return {
        "stage_name": "feature_search",
        "stage_type": "filter",
        "config": {
            "stage_id": "feature_search",
            "parameters": {"searches": searches, "final_top_k": 25, **parameters},
        },
    }


def refused(call):
    try:
        return {"answered": call()}
    except MixpeekAPIError as error:
        return {"status": error.status, "detail": error.detail}


def static_weights(calls, seen, collection, name):
    """Section 1."""
    retriever = calls.create(
        retriever_name=name,
        collection_identifiers=[collection],
        stages=[a_stage(weights=(0.6, 0.4), fusion="weighted")],
    )
    seen["created"] = dict(retriever)
    seen["taken"] = refused(lambda: calls.create(name=name, stages=[a_stage()]))
    inputs = {"query": "wireless earbuds"}
    seen["static"] = calls.execute(retriever.retriever_id, inputs=inputs)
    seen["static_again"] = calls.execute(retriever.retriever_id, inputs=inputs)
    return retriever.retriever_id


def signals(calls, seen, rid):
    """Section 2: with and without an execution."""
    person = {"user_id": "user_456", "session_id": "sess_1"}
    results = calls.execute(rid, inputs={"query": "wireless earbuds", **person})
    seen["results"] = results
    seen["purchase"] = calls.create_interaction(
        feature_id=results["documents"][2]["document_id"], interaction_type=["purchase"],
        position=2, metadata={"query": "wireless earbuds", "order_value": 49.99}, **person,
    )  # fmt: skip
    seen["first"] = calls.create_interaction_from_result(results, position=0, user_id="user_456")
    seen["third"] = calls.create_interaction_from_result(
        results, position=2, interaction_type=["purchase"], user_id="user_456"
    )


def learned_fusion(client, seen, rid):
    """Sections 3, 4, 5 and 8."""
    calls, query = client.retrievers, {"query": "wireless earbuds"}
    seen["updated"] = calls.update(retriever_id=rid, stages=[a_stage(fusion="learned")])
    seen["cold"] = calls.execute(rid, inputs={**query, "user_id": "user_new"})
    for number in range(8):
        who = {"user_id": "user_123", "session_id": f"s{number}"}
        found = calls.execute(retriever_id=rid, inputs={**query, **who})
        calls.create_interaction_from_result(found, position=0, **who)
    client._request("POST", "/admin/flush", body={"close_executions": True})
    seen["warm"] = calls.execute(rid, inputs={**query, "user_id": "user_123"})
    seen["run"] = calls.run(rid, inputs={**query, "user_id": "user_123"})
    seen["user_weights"] = calls.get_user_weights(retriever_id=rid, user_id="user_123")
    seen["stranger"] = calls.get_user_weights(retriever_id=rid, user_id="user_unknown")


def own_rewards(calls, seen, rid):
    """Section 9."""
    rewards = {"click": 1.0, "purchase": 3.0, "skip": -1.0, "negative_feedback": -2.0}
    config = {"context_features": ["INPUT.user_id"], "reward_map": rewards}
    calls.update(rid, stages=[a_stage(fusion="learned", learning_config=config)])
    found = calls.execute(rid, inputs={"query": "wireless earbuds", "user_id": "user_9"})
    for name, kind in (("skip", "skip"), ("unmapped", "share")):
        seen[name] = calls.create_interaction_from_result(
            found, position=1, interaction_type=[kind], user_id="user_9"
        )


def switches(calls, seen, rid):
    """The methods of learned fusion."""
    inputs = {"query": "wireless", "user_id": "user_123"}
    seen["disable"] = calls.disable_learned_fusion(rid)
    seen["killed"] = calls.execute(rid, inputs=inputs)
    seen["enable"] = calls.enable_learned_fusion(rid)
    seen["rollout"] = calls.set_rollout(rid, rollout_pct=10)
    seen["rollout_cleared"] = calls.set_rollout(rid, rollout_pct=100)
    seen["opt_out"] = calls.opt_out_user(rid, user_id="user_123")
    seen["opted_out"] = calls.execute(rid, inputs=inputs)
    seen["opt_in"] = calls.opt_in_user(rid, user_id="user_123")
    seen["reset"] = calls.reset_user(rid, user_id="user_123")
    seen["after_reset"] = calls.get_user_weights(rid, user_id="user_123")
    seen["weights"] = calls.get_weights(rid)
    seen["stats"] = calls.get_stats(rid)


def interactions(client, seen, rid):
    """Backfill, list, get, delete."""
    calls, interaction_id = client.retrievers, seen["first"]["interaction_id"]
    past = {"occurred_at": "2026-10-01T10:00:00Z", "user_id": "user_old", "retriever_id": rid}
    rows = [
        {"feature_id": f"d0{n}", "interaction_type": ["click"], "position": n, **past}
        for n in range(5)
    ]
    seen["backfill"] = calls.backfill_interactions([*rows, {"feature_id": "d01"}])
    client._request("POST", "/admin/flush")
    seen["listed"] = calls.list_interactions(rid, page=1, page_size=4)
    seen["one"] = calls.get_interaction(interaction_id)
    seen["deleted"] = calls.delete_interaction(interaction_id)
    seen["deleted_again"] = calls.delete_interaction(interaction_id)


def the_end(calls, seen, rid, name):
    """Reads, refusals, deletion."""
    seen["list"] = calls.list()
    seen["get"] = calls.get(rid)
    seen["get_by_name"] = calls.get(name)
    seen["missing_retriever"] = refused(lambda: calls.get("ret_nope"))
    seen["empty_query"] = refused(lambda: calls.execute(rid, inputs={}))
    seen["gone"] = calls.delete(rid)
    seen["gone_for_good"] = refused(lambda: calls.get(rid))


def corpus(client, seen, collection):
    """Collections and documents, as far as they are offered."""
    seen["collections"] = client.collections.list()
    seen["collection"] = client.collections.get(collection)
    seen["document"] = client.documents.get(collection, "d03")
    seen["documents"] = client.documents.list(collection, page_size=2)
    seen["patched"] = client.documents.update(collection, "d03", update_data={"colour": "red"})
    seen["batch"] = client.documents.batch_update(
        collection, updates=[{"document_id": "d03", "colour": "green"}]
    )


def run(url, collection, name):
    client = Mixpeek(api_key="your-api-key", base_url=url)
    calls, seen = client.retrievers, {}
    rid = static_weights(calls, seen, collection, name)
    signals(calls, seen, rid)
    learned_fusion(client, seen, rid)
    own_rewards(calls, seen, rid)
    switches(calls, seen, rid)
    interactions(client, seen, rid)
    the_end(calls, seen, rid, name)
    corpus(client, seen, collection)
    elsewhere = Mixpeek(api_key="your-api-key", base_url=url, namespace="acme")
    seen["namespace"] = refused(elsewhere.retrievers.list)
    return seen


if __name__ == "__main__":
    json.dump(run(*sys.argv[1:4]), sys.stdout)
