"""The vendor's published client and the tutorial's snippets, unmodified, against a live server.

The client lives in an environment of its own and runs as a child process (`sdk_story.py`); the curl
and browser snippets of the tutorial are sent as the bytes and headers that curl and fetch send.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import IMAGE, TEXT, Live, a_name, execute, ids, make_collection, make_retriever
from tests.sdk_environment import sdk_python

STORY = Path(__file__).with_name("sdk_story.py")
CURL = {"Content_Type": "application/x-www-form-urlencoded", "Authorization": "Bearer key"}


@cache
def told(live: Live, prefix: str) -> Any:
    """What the client's story gave at this base address."""
    collection = make_collection(live)
    command = [str(sdk_python()), str(STORY), f"{live.url}{prefix}", collection, a_name("shop")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(params=["", "/v1", "/api/v1"])
def seen(live: Live, request: pytest.FixtureRequest) -> Any:
    return told(live, request.param)


def test_static_weights_are_created_and_repeat_byte_for_byte(seen: Any):
    created = seen["created"]
    assert created["retriever_id"].startswith("ret_")
    assert (created["fusion"], created["version"]) == ("weighted", 1)
    assert created["stages"][0]["config"]["parameters"]["final_top_k"] == 25
    assert seen["taken"]["status"] == 409
    assert seen["taken"]["detail"]["error"]["code"] == "retriever_name_taken"
    static = seen["static"]
    assert 0 < len(static["documents"]) <= 25
    assert "learned_fusion_context" not in static
    assert "results" not in static
    assert static["documents"] == seen["static_again"]["documents"]
    for document in static["documents"]:
        raw = {a["feature_uri"]: a["raw_score"] or 0.0 for a in document["attribution"]}
        assert document["score"] == pytest.approx(0.6 * raw[TEXT] + 0.4 * raw[IMAGE])


def test_interactions_are_linked_and_rewarded(seen: Any):
    assert seen["purchase"]["attribution"] == "inferred"
    assert seen["purchase"]["metadata"]["reward_value"] == 3.0
    documents = seen["results"]["documents"]
    for name, position in (("first", 0), ("third", 2)):
        row = seen[name]
        assert row["feature_id"] == documents[position]["document_id"]
        assert row["execution_id"] == seen["results"]["execution_id"]
        assert row["retriever_id"] == seen["results"]["retriever_id"]
        assert row["attribution"] == "logged"
        parts = documents[position]["attribution"]
        best = max(parts, key=lambda part: part["contribution"])
        assert row["feature_uri"] == best["feature_uri"]
    assert seen["first"]["metadata"]["reward_value"] == 1.0


def test_learned_fusion_keeps_the_baseline_until_there_is_data(seen: Any):
    changed = seen["updated"]["retriever"]
    assert (changed["fusion"], changed["version"]) == ("learned", 2)
    config = changed["stages"][0]["config"]["parameters"]["learning_config"]
    assert config["static_fusion"] == {"fusion": "weighted", "weights": {TEXT: 0.6, IMAGE: 0.4}}
    assert config["min_interactions"] == 5
    assert config["decay_factor"] == 0.995
    assert ids(seen["cold"]) == ids(seen["static"])
    context = seen["cold"]["learned_fusion_context"]
    assert (context["context_level"], context["reason"]) == ("prior", "no_data")
    assert context["served"] is False


def test_users_get_weights_of_their_own(seen: Any):
    context = seen["warm"]["learned_fusion_context"]
    assert context["context_level"] == "personal"
    assert context["context_key"].startswith("personal:")
    assert sum(context["sampled_weights"].values()) == pytest.approx(1)
    assert all(0.05 <= weight <= 0.95 for weight in context["sampled_weights"].values())
    weights = seen["user_weights"]
    assert weights["context_level"] == "personal"
    assert weights["interaction_count"] == 8
    assert sum(weights["sampled_weights"].values()) == pytest.approx(1)
    assert set(weights["sampled_weights"]) == {TEXT, IMAGE}
    assert seen["stranger"]["context_level"] == "global"
    assert seen["stranger"]["interaction_count"] == 0


def test_an_own_reward_map_replaces_the_defaults(seen: Any):
    assert seen["skip"]["metadata"]["reward_value"] == -1.0
    assert seen["unmapped"]["metadata"]["reward_value"] == 0.0


def test_the_switches_work(seen: Any):
    assert (seen["disable"]["enabled"], seen["disable"]["changed"]) == (False, True)
    assert seen["killed"]["learned_fusion_context"]["reason"] == "kill_switch"
    assert seen["enable"]["enabled"] is True
    assert seen["rollout"]["rollout_pct"] == 10
    assert seen["rollout_cleared"]["rollout_pct"] == 100
    assert seen["rollout_cleared"]["rollout_override"] is False
    assert seen["opt_out"]["opted_out"] is True
    assert seen["opted_out"]["learned_fusion_context"]["reason"] == "opted_out"
    assert seen["opt_in"]["opted_out"] is False
    assert seen["reset"]["reset"] is True
    assert seen["after_reset"]["interaction_count"] == 0
    assert seen["after_reset"]["context_level"] != "personal"


def test_every_read_answers_with_the_documented_keys(seen: Any):
    assert seen["get"] == seen["get_by_name"]
    assert {"results", "total", "pagination", "warnings"} <= set(seen["list"])
    assert {"feature_weights", "total_interactions", "learner_count"} <= set(seen["weights"])
    assert set(seen["weights"]["feature_weights"]) == {TEXT, IMAGE}
    stats = seen["stats"]
    assert {"total_learners", "context_level_distribution", "enabled", "rollout_pct"} <= set(stats)
    assert stats["config_rollout_pct"] == 100
    listed = seen["listed"]
    assert len(listed["results"]) == 4
    assert listed["items"] == listed["results"]
    assert seen["one"]["interaction_id"] == seen["first"]["interaction_id"]
    assert seen["run"]["documents"]


def test_backfill_and_deletion(seen: Any):
    backfill = seen["backfill"]
    assert (backfill["created"], backfill["failed"]) == (5, 1)
    assert backfill["results"][5]["interaction_id"] == ""
    assert backfill["errors"][0].startswith("5: ")
    assert seen["deleted"]["deleted"] is True
    assert seen["deleted_again"]["success"] is True
    assert seen["gone"]["success"] is True
    assert seen["gone_for_good"]["status"] == 404


def test_errors_reach_the_caller_as_the_client_reads_them(seen: Any):
    assert seen["missing_retriever"]["status"] == 404
    error = seen["empty_query"]["detail"]["error"]
    assert (seen["empty_query"]["status"], error["code"]) == (422, "missing_input")
    assert seen["namespace"]["status"] == 404
    assert "acme" in seen["namespace"]["detail"]["error"]["message"]


def test_collections_and_documents_are_read_and_changed(seen: Any):
    assert seen["collection"]["document_count"] == 30
    assert len(seen["documents"]["results"]) == 2
    assert seen["document"]["document_id"] == "d03"
    assert seen["patched"]["colour"] == "red"
    assert seen["batch"]["upserted"] == 1


# The snippets as curl and a browser send them.


def curl(live: Live, method: str, path: str, body: str | None = None) -> Any:
    """What curl sends with `-d` and no content type."""
    sent = None if body is None else body.encode()
    return live.ok(method, path, sent, **CURL)


def stage_text(**parameters: Any) -> str:
    searches = [
        {"feature_uri": uri, "query": "{{INPUT.query}}", "top_k": 100, "weight": weight}
        for uri, weight in ((TEXT, 0.6), (IMAGE, 0.4))
    ]
    return json.dumps(
        [{"stage_name": "feature_search", "stage_type": "filter",
          "config": {"stage_id": "feature_search",
                     "parameters": {"searches": searches, **parameters}}}]
    )  # fmt: skip


@pytest.fixture(scope="module")
def shop(live: Live) -> str:
    """A retriever created with curl (section 1)."""
    make_collection(live)
    body = f'{{"retriever_name": "{a_name("curl")}", "stages": '
    body += stage_text(fusion="weighted", final_top_k=25) + "}"
    retriever_id: str = curl(live, "POST", "/v1/retrievers", body)["retriever_id"]
    return retriever_id


def test_curl_executes_and_switches_to_learned(live: Live, shop: str):
    inputs = '{"inputs": {"query": "wireless noise canceling earbuds", "user_id": "user_456"}}'
    answer = curl(live, "POST", f"/v1/retrievers/{shop}/execute", inputs)
    assert len(answer["documents"]) <= 25
    assert "learned_fusion_context" not in answer
    patched = curl(
        live, "PATCH", f"/v1/retrievers/{shop}",
        '{"stages": ' + stage_text(fusion="learned", final_top_k=25) + "}",
    )  # fmt: skip
    assert patched["retriever"]["fusion"] == "learned"
    again = curl(live, "POST", f"/v1/retrievers/{shop}/execute", inputs)
    assert ids(again) == ids(answer)
    assert again["learned_fusion_context"]["feature_uris"] == [TEXT, IMAGE]


def test_curl_reads_logged_weights(live: Live, shop: str):
    execute(live, shop)
    path = f"/v1/analytics/retrievers/{shop}/signals?signal_type=learned_weights&hours=168"
    rows = curl(live, "GET", path)
    assert rows
    assert sum(rows[0]["signal_data"]["weights"].values()) > 0
    weights = curl(live, "GET", f"/v1/retrievers/{shop}/learned-fusion/weights/user_123")
    assert weights["context_level"] in ("personal", "demographic", "global")


def test_curl_turns_on_shadow_mode_without_naming_the_searches(live: Live):
    retriever = make_retriever(live, make_collection(live))
    before = curl(live, "GET", f"/v1/retrievers/{retriever}")
    body = (
        '{"stages": [{"stage_name": "feature_search", "stage_type": "filter", "config": '
        '{"stage_id": "feature_search", "parameters": {"fusion": "learned", "learning_config": '
        '{"shadow_mode": true, "rollout_pct": 10.0}}}}]}'
    )
    after = curl(live, "PATCH", f"/v1/retrievers/{retriever}", body)["retriever"]
    old, new = (each["stages"][0]["config"]["parameters"] for each in (before, after))
    assert new["searches"] == old["searches"]
    assert new["learning_config"]["shadow_mode"] is True
    assert new["learning_config"]["rollout_pct"] == 10.0
    assert new["learning_config"]["static_fusion"]["fusion"] == "rrf"
    reasons = {
        execute(live, retriever, inputs={"user_id": f"u{n}"})["learned_fusion_context"]["reason"]
        for n in range(40)
    }
    assert reasons <= {"shadow_mode", "not_in_rollout", "no_data"}


def test_a_browser_posts_an_interaction_across_origins(live: Live, shop: str):
    wanted = {
        "Origin": "https://shop.example", "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "authorization,x-namespace",
    }  # fmt: skip
    preflight = live.call("OPTIONS", "/v1/retrievers/interactions", **wanted)
    assert preflight.status in (200, 204)
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type", "x-namespace", "x-session-id"} <= {
        part.strip() for part in allowed.split(",")
    }
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    body = {
        "feature_id": "d01", "interaction_type": ["click"], "position": 1,
        "metadata": {"query": "wireless"}, "user_id": "u", "session_id": a_name("s"),
    }  # fmt: skip
    reply = live.call(
        "POST", "/v1/retrievers/interactions", json.dumps(body).encode(),
        Content_Type="text/plain;charset=UTF-8", Origin="https://shop.example",
        X_Namespace="default", Authorization="Bearer key",
    )  # fmt: skip
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] in ("*", "https://shop.example")
    assert "x-ratelimit-limit" in reply.headers
    assert reply.json["interaction_id"].startswith("int_")
