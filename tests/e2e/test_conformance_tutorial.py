"""The checklist of the published API (retriever-api.md, section 16): seed 002, by section.

Which rows are shown elsewhere is said in test_conformance.py.
"""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conforming import CAPTURE, created, parameters_of, posted, retriever, shell, shop
from tests.e2e.live import IMAGE, TEXT, Live, a_name, click, execute, ids
from tests.e2e.seeds import blocks, section
from tests.sdk_environment import sdk_python

__all__ = ["created", "retriever", "shop"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def test_section_1_creates_with_curl(shop: Live, created: Any):
    assert created["retriever_id"].startswith("ret_")
    assert (created["fusion"], created["version"]) == ("weighted", 1)
    assert parameters_of(created)["final_top_k"] == 25
    (command,) = blocks(section(1), "bash")
    taken = shell(shop, command)
    assert (taken["status"], taken["error"]["code"]) == (409, "retriever_name_taken")


def test_the_static_baseline_is_exact_and_repeats(shop: Live, retriever: str):
    (command,) = blocks(section(5), "bash")
    first, again = (shell(shop, command, RETRIEVER_ID=retriever) for _ in range(2))
    assert 0 < len(first["documents"]) <= 25
    assert "learned_fusion_context" not in first
    for document in first["documents"]:
        raw = {a["feature_uri"]: a["raw_score"] or 0.0 for a in document["attribution"]}
        assert document["score"] == pytest.approx(0.6 * raw[TEXT] + 0.4 * raw[IMAGE])
    assert first["documents"] == again["documents"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files over HTTP, without a line for each."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def page(tmp_path: Path, shop: Live) -> Iterator[str]:
    """A shop's page on another origin, with the snippet of section 2 in it; its address."""
    (script,) = blocks(section(2), "javascript")
    (tmp_path / "index.html").write_text(f"""
        <div class="search-result" data-document-id="d00"></div>
        <div class="search-result" data-document-id="d07"></div>
        <script>
        const MP_API_URL = "{shop.url}", MP_API_KEY = "key", MP_NAMESPACE = "default";
        const currentQuery = "wireless", userId = "user_browser", sessionId = "sess_browser";
        {script}
        document.querySelectorAll(".search-result")[1].click();
        </script>""")
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


def test_section_2_a_browser_on_another_origin(shop: Live, page: str, tmp_path: Path):
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("needs a Chromium; the same headers are sent by test_sdk.py")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--timeout=4000",
               f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=40, check=False)
    row = wait_for(shop, "user_browser")
    assert (row["feature_id"], row["position"]) == ("d07", 1)
    assert row["session_id"] == "sess_browser"
    assert row["metadata"]["query"] == "wireless"


def wait_for(live: Live, user: str) -> Any:
    """The one act of a user, as soon as it is there."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        live.ok("POST", "/v1/admin/flush", {})
        found = live.ok("GET", f"{CAPTURE}?user_id={user}")["results"]
        if found:
            assert len(found) == 1
            return found[0]
        time.sleep(0.1)
    pytest.fail("the browser's act did not arrive")


# The Python of sections 1, 2, 3, 5 and 8, one after the other in the vendor's own environment.
STORY = """
import json, sys
original_query, user_id, session_id = "wireless earbuds", "user_456", "sess_sdk"
seen = {{}}
{create}
retriever_id = retriever.retriever_id
seen["retriever"] = retriever
shown = client.retrievers.execute(
    retriever_id, inputs={{"query": original_query, "session_id": session_id}})
calls = client.retrievers
kept, calls.create_interaction = calls.create_interaction, lambda **given: seen.update(
    purchase=kept(**given))
{server}
calls.create_interaction = kept
linked = calls.create_interaction_from_result
calls.create_interaction_from_result = lambda *given, **named: seen.setdefault(
    "linked", []).append(linked(*given, **named))
{shortcut}
seen["results"] = results
{update}
{execute}
seen["learned"] = results
{weights}
seen["weights"] = weights
sys.stdout.write("\\n" + json.dumps(seen))
"""


@pytest.fixture(scope="module")
def told(shop: Live) -> Any:
    """What the vendor's client, unmodified, got for the snippets."""
    (create,), (update,), (execution,), (weights,) = (
        blocks(section(number), "python") for number in (1, 3, 5, 8)
    )
    server, shortcut = blocks(section(2), "python")
    script = STORY.format(
        create=create.replace("product-search", "product-search-sdk").replace(
            'api_key="your-api-key"', f'api_key="your-api-key", base_url="{shop.url}"'),
        server=server, shortcut=shortcut, update=update, execute=execution, weights=weights,
    )  # fmt: skip
    command = [str(sdk_python()), "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_sdk_without_a_namespace_creates_and_captures(told: Any):
    assert told["retriever"]["fusion"] == "weighted"
    purchase = told["purchase"]
    assert purchase["metadata"]["reward_value"] == 3.0
    assert purchase["feature_id"] == "doc_product_789"
    assert purchase["attribution"] == "inferred"


def test_a_result_and_a_position_are_enough(told: Any):
    documents = told["results"]["documents"]
    for row, position, reward in zip(told["linked"], (0, 2), (1.0, 3.0), strict=True):
        assert row["feature_id"] == documents[position]["document_id"]
        assert row["execution_id"] == told["results"]["execution_id"]
        assert row["retriever_id"] == told["results"]["retriever_id"]
        parts = documents[position]["attribution"]
        best = max(parts, key=lambda part: part["contribution"])
        assert row["feature_uri"] == best["feature_uri"]
        assert row["metadata"]["reward_value"] == reward


def test_the_sdk_turns_to_learned_and_reads_weights(told: Any):
    context = told["learned"]["learned_fusion_context"]
    assert sorted(context["feature_uris"]) == sorted([TEXT, IMAGE])
    assert told["weights"]["context_level"] in ("personal", "demographic", "global")
    assert sum(told["weights"]["sampled_weights"].values()) == pytest.approx(1)


@pytest.fixture(scope="module")
def learned(shop: Live) -> str:
    """Sections 1 and 3 by curl: a retriever that turned from weighted to learned."""
    (create,), (patch,) = (blocks(section(number), "bash") for number in (1, 3))
    made = shell(shop, create.replace("product-search", a_name("product-search")))
    retriever_id: str = made["retriever_id"]
    changed = shell(shop, patch, RETRIEVER_ID=retriever_id)["retriever"]
    assert (changed["fusion"], changed["version"]) == ("learned", 2)
    config = parameters_of(changed)["learning_config"]
    assert config["static_fusion"] == {"fusion": "weighted", "weights": {TEXT: 0.6, IMAGE: 0.4}}
    assert (config["min_interactions"], config["decay_factor"]) == (5, 0.995)
    return retriever_id


def test_sections_3_to_5_from_nothing_to_personal(shop: Live, learned: str, retriever: str):
    (command,) = blocks(section(5), "bash")
    cold = shell(shop, command, RETRIEVER_ID=learned)
    static = shell(shop, command, RETRIEVER_ID=retriever)
    assert ids(cold) == ids(static)
    context = cold["learned_fusion_context"]
    assert (context["context_level"], context["reason"]) == ("prior", "no_data")
    levels = []
    who = {"user_id": "user_456"}
    for _ in range(6):
        shown = execute(shop, learned, inputs=who)
        row = {"feature_id": ids(shown)[0], "interaction_type": ["click"], "position": 0,
               "execution_id": shown["execution_id"], **who}  # fmt: skip
        posted(shop, json.dumps(row))
        shop.learn()
        warm = shell(shop, command, RETRIEVER_ID=learned)["learned_fusion_context"]
        levels.append(warm["context_level"])
        weights = warm["sampled_weights"].values()
        assert sum(weights) == pytest.approx(1)
        assert all(0.05 <= weight <= 0.95 for weight in weights)
    assert set(levels[:4]) <= {"demographic", "global"}
    assert set(levels[4:]) == {"personal"}


def test_sections_6_and_8_by_curl(shop: Live, learned: str):
    execute(shop, learned, inputs={"user_id": "user_123"})
    (signals,) = blocks(section(6), "bash")
    rows = shell(shop, signals, RETRIEVER_ID=learned)
    assert rows
    assert all(row["signal_data"]["weights"].keys() == {TEXT, IMAGE} for row in rows)
    (weights,) = blocks(section(8), "bash")
    found = shell(shop, weights, RETRIEVER_ID=learned)
    assert found["context_level"] in ("personal", "demographic", "global")
    assert sum(found["sampled_weights"].values()) == pytest.approx(1)


def test_clicks_alone_move_the_weights(shop: Live):
    """200 clicks on documents that the text search won; the client sends no impressions."""
    (create,), (patch,) = (blocks(section(number), "bash") for number in (1, 3))
    made = shell(shop, create.replace("product-search", a_name("product-search")))
    shell(shop, patch, RETRIEVER_ID=made["retriever_id"])
    retriever = made["retriever_id"]
    for number in range(200):
        shown = execute(shop, retriever, "wireless earbuds", inputs={"session_id": f"c{number}"})
        won = [d for d in shown["documents"] if winner(d) == TEXT]
        if won:
            click(shop, shown, won[0]["position"])
        if number % 20 == 0:
            shop.learn()
    shop.learn()
    weights = shop.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights")
    assert weights["feature_weights"][TEXT]["weight"] > 0.6, weights


def winner(document: Any) -> str:
    """The search that contributed most."""
    parts = document["attribution"]
    return str(max(parts, key=lambda part: part["contribution"])["feature_uri"])


def test_section_9_rewards_of_ones_own(shop: Live, learned: str):
    (config,) = blocks(section(9), "json")
    stage = {
        "stage_name": "feature_search",
        "config": {
            "stage_id": "feature_search",
            "parameters": {"fusion": "learned", **json.loads(config)},
        },
    }
    changed = shop.ok("PATCH", f"/v1/retrievers/{learned}", {"stages": [stage]})["retriever"]
    parameters = parameters_of(changed)
    assert len(parameters["searches"]) == 2
    assert parameters["learning_config"]["reward_map"]["skip"] == -1.0
    shown = execute(shop, learned, inputs={"user_id": "user_9"})
    for kind, reward in (("skip", -1.0), ("share", 0.0), ("purchase", 3.0)):
        row = {"feature_id": ids(shown)[1], "interaction_type": [kind], "position": 1,
               "execution_id": shown["execution_id"]}  # fmt: skip
        assert posted(shop, json.dumps(row))["metadata"]["reward_value"] == reward


def test_negative_feedback_lowers_the_search_that_produced_the_document(shop: Live):
    (create,), (patch,) = (blocks(section(number), "bash") for number in (1, 3))
    made = shell(shop, create.replace("product-search", a_name("product-search")))
    retriever = made["retriever_id"]
    shell(shop, patch, RETRIEVER_ID=retriever)
    for number in range(20):
        shown = execute(shop, retriever, "wireless earbuds", inputs={"session_id": f"n{number}"})
        won = [d for d in shown["documents"] if winner(d) == TEXT][:2]
        for document in won:
            click(shop, shown, document["position"], "negative_feedback")
    shop.learn()
    weights = shop.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights")
    assert weights["feature_weights"][TEXT]["weight"] < 0.5, weights


def test_section_10_a_safe_rollout(shop: Live, learned: str):
    before = parameters_of(shop.ok("GET", f"/v1/retrievers/{learned}"))
    (command,) = blocks(section(10), "bash")
    after = parameters_of(shell(shop, command, RETRIEVER_ID=learned)["retriever"])
    assert after["searches"] == before["searches"]
    changed = {"shadow_mode": True, "rollout_pct": 10.0}
    assert after["learning_config"] == before["learning_config"] | changed
    contexts = [
        execute(shop, learned, inputs={"user_id": f"u{number}"})["learned_fusion_context"]
        for number in range(60)
    ]
    assert {context["served"] for context in contexts} == {False}
    assert {context["reason"] for context in contexts} == {"shadow_mode", "not_in_rollout"}


@pytest.mark.parametrize("place", [0, 1])
def test_section_11_is_refused_by_name_in_this_version(shop: Live, learned: str, place: int):
    (both,) = blocks(section(11), "bash")
    command = re.split(r"\n(?=# Run)", both)[place]
    answer = shell(shop, command, RETRIEVER_ID=learned, DATASET_ID="ds_1")
    assert (answer["status"], answer["error"]["type"]) == (403, "NotEnabledError")
    assert answer["error"]["hint"]
