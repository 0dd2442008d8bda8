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


def run(url, collection, name):
    client = Mixpeek(api_key="your-api-key", base_url=url)
    calls, seen = client.retrievers, {}

    # 1. Static weights.
    retriever = calls.create(
        retriever_name=name,
        collection_identifiers=[collection],
        stages=[a_stage(weights=(0.6, 0.4), fusion="weighted")],
    )
    rid = retriever.retriever_id
    seen["created"] = dict(retriever)
    seen["taken"] = refused(lambda: calls.create(name=name, stages=[a_stage()]))
    seen["static"] = calls.execute(rid, inputs={"query": "wireless earbuds"})
    seen["static_again"] = calls.execute(rid, inputs={"query": "wireless earbuds"})

    # 2. Signals, with and without an execution.
    person = {"user_id": "user_456", "session_id": "sess_1"}
    results = calls.execute(rid, inputs={"query": "wireless earbuds", **person})
    seen["purchase"] = calls.create_interaction(
        feature_id=results["documents"][2]["document_id"], interaction_type=["purchase"],
        position=2, metadata={"query": "wireless earbuds", "order_value": 49.99}, **person,
    )  # fmt: skip
    seen["results"] = results
    seen["first"] = calls.create_interaction_from_result(results, position=0, user_id="user_456")
    seen["third"] = calls.create_interaction_from_result(
        results, position=2, interaction_type=["purchase"], user_id="user_456"
    )

    # 3. Learned fusion, nothing learned yet; 4. and 5. with users; 9. own rewards.
    updated = calls.update(retriever_id=rid, stages=[a_stage(fusion="learned")])
    seen["updated"] = updated
    seen["cold"] = calls.execute(rid, inputs={"query": "wireless earbuds", "user_id": "user_new"})
    for number in range(8):
        who = {"user_id": "user_123", "session_id": f"s{number}"}
        found = calls.execute(retriever_id=rid, inputs={"query": "wireless earbuds", **who})
        calls.create_interaction_from_result(found, position=0, **who)
    client._request("POST", "/admin/flush", body={"close_executions": True})
    seen["warm"] = calls.execute(rid, inputs={"query": "wireless earbuds", "user_id": "user_123"})
    seen["run"] = calls.run(rid, inputs={"query": "wireless earbuds", "user_id": "user_123"})

    # 8. A user's weights.
    seen["user_weights"] = calls.get_user_weights(retriever_id=rid, user_id="user_123")
    seen["stranger"] = calls.get_user_weights(retriever_id=rid, user_id="user_unknown")
    rewards = {"click": 1.0, "purchase": 3.0, "skip": -1.0, "negative_feedback": -2.0}
    config = {"context_features": ["INPUT.user_id"], "reward_map": rewards}
    calls.update(rid, stages=[a_stage(fusion="learned", learning_config=config)])
    found = calls.execute(rid, inputs={"query": "wireless earbuds", "user_id": "user_9"})
    seen["skip"] = calls.create_interaction_from_result(
        found, position=1, interaction_type=["skip"], user_id="user_9"
    )
    seen["unmapped"] = calls.create_interaction_from_result(
        found, position=1, interaction_type=["share"], user_id="user_9"
    )

    # Every other method of retriever-api.md 2.1 that is built.
    seen["list"] = calls.list()
    seen["get"] = calls.get(rid)
    seen["get_by_name"] = calls.get(name)
    rows = [
        {"feature_id": f"d0{n}", "interaction_type": ["click"], "position": n, "retriever_id": rid,
         "occurred_at": "2026-10-01T10:00:00Z", "user_id": "user_old"}
        for n in range(5)
    ]  # fmt: skip
    seen["backfill"] = calls.backfill_interactions([*rows, {"feature_id": "d01"}])
    seen["disable"] = calls.disable_learned_fusion(rid)
    seen["killed"] = calls.execute(rid, inputs={"query": "wireless", "user_id": "user_123"})
    seen["enable"] = calls.enable_learned_fusion(rid)
    seen["rollout"] = calls.set_rollout(rid, rollout_pct=10)
    seen["rollout_cleared"] = calls.set_rollout(rid, rollout_pct=100)
    seen["opt_out"] = calls.opt_out_user(rid, user_id="user_123")
    seen["opted_out"] = calls.execute(rid, inputs={"query": "wireless", "user_id": "user_123"})
    seen["opt_in"] = calls.opt_in_user(rid, user_id="user_123")
    seen["reset"] = calls.reset_user(rid, user_id="user_123")
    seen["after_reset"] = calls.get_user_weights(rid, user_id="user_123")
    seen["weights"] = calls.get_weights(rid)
    seen["stats"] = calls.get_stats(rid)
    client._request("POST", "/admin/flush")
    seen["listed"] = calls.list_interactions(rid, page=1, page_size=4)
    interaction_id = seen["first"]["interaction_id"]
    seen["one"] = calls.get_interaction(interaction_id)
    seen["deleted"] = calls.delete_interaction(interaction_id)
    seen["deleted_again"] = calls.delete_interaction(interaction_id)
    seen["missing_retriever"] = refused(lambda: calls.get("ret_nope"))
    seen["empty_query"] = refused(lambda: calls.execute(rid, inputs={}))
    seen["gone"] = calls.delete(rid)
    seen["gone_for_good"] = refused(lambda: calls.get(rid))

    # Collections and documents, as far as they are offered.
    seen["collections"] = client.collections.list()
    seen["collection"] = client.collections.get(collection)
    seen["document"] = client.documents.get(collection, "d03")
    seen["documents"] = client.documents.list(collection, page_size=2)
    seen["patched"] = client.documents.update(collection, "d03", update_data={"colour": "red"})
    seen["batch"] = client.documents.batch_update(
        collection, updates=[{"document_id": "d03", "colour": "green"}]
    )
    elsewhere = Mixpeek(api_key="your-api-key", base_url=url, namespace="acme")
    seen["namespace"] = refused(elsewhere.retrievers.list)
    return seen


if __name__ == "__main__":
    json.dump(run(*sys.argv[1:4]), sys.stdout)
