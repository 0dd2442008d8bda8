"""The checklist of the published API (retriever-api.md, section 16): seed 000.

Seed 002 is in test_conformance_tutorial.py.

Snippets are read from the seeds' files and run as they stand, but for host, key and ids: curl by
curl, Python by Python, the browser's by a browser on another origin. Rows that are shown elsewhere:

- every method of the SDK at `/v1`, `/api/v1` and the root: test_sdk_methods.py, test_sdk.py
- the same act again after 5 minutes: tests/steps/test_capture.py; `demo_booked`, `Bad Type!` in
  batches: tests/http/test_interactions.py; `anonymize: hmac`: test_pseudonyms.py
- levels by number of interactions, one session one order, kill switch, opt-out, reset:
  test_learned_fusion.py; shares of a rollout: tests/core/test_rollout.py
- falling variance, shadow report, activity: tests/http/test_learning_reports.py
- retries, 429, 503: tests/client/test_retries.py

Of a later version, and refused by name: pairs, fine-tuning, retriever signals (seed 000), metrics
of section 7, evaluations of section 11 (seed 002).
"""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

from desireline.client import Client
from tests.e2e.conforming import CAPTURE, created, parameters_of, posted, retriever, shell, shop
from tests.e2e.live import Live, a_name, execute, ids
from tests.e2e.seeds import between, plain, seed

__all__ = ["created", "retriever", "shop"]


def capture_sample() -> tuple[str, str]:
    """The path and the body of the sample that records an act."""
    sample = between("POST /v1/retrievers/interactions", "}")
    first, _, body = sample.partition("\n")
    return first.split()[1], plain(body)


def test_an_act_is_captured_as_the_sample_sends_it(shop: Live):
    path, body = capture_sample()
    alone = posted(shop, body, path)
    assert alone["interaction_id"].startswith("int_")
    assert alone["deduplicated"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", alone["timestamp"])
    assert alone["metadata"]["reward_value"] == 1.0
    assert alone["attribution"] == "none"
    assert alone["warning"]
    assert alone["teaches"] is False


def test_it_is_linked_to_the_execution_of_its_session(shop: Live, retriever: str):
    sent = json.loads(capture_sample()[1])
    who = {"user_id": sent["user_id"], "session_id": a_name("sess")}
    shown = execute(shop, retriever, sent["metadata"]["query"], inputs=who)
    assert sent["feature_id"] in ids(shown)
    found = posted(shop, json.dumps(sent | who))
    assert found["attribution"] == "inferred"
    assert found["execution_id"] == shown["execution_id"]
    assert found["retriever_id"] == retriever


def test_types_of_one_act_are_one_row_and_add_up(shop: Live, retriever: str):
    sent = json.loads(capture_sample()[1]) | {"session_id": a_name("sess")}
    both = posted(shop, json.dumps(sent | {"interaction_type": ["click", "long_view"]}))
    assert both["metadata"]["reward_value"] == 2.0
    custom = sent | {"interaction_type": ["demo_booked"]}
    assert posted(shop, json.dumps(custom))["metadata"]["reward_value"] == 0
    bad = posted(shop, json.dumps(sent | {"interaction_type": ["Bad Type!"]}))
    assert (bad["status"], bad["success"]) == (422, False)
    stages = shop.ok("GET", f"/v1/retrievers/{retriever}")["stages"]
    stages[0]["config"]["parameters"] |= {
        "fusion": "learned", "learning_config": {"reward_map": {"demo_booked": 4.0}},
    }  # fmt: skip
    body = {"retriever_name": a_name(), "stages": stages}
    mapped = shop.ok("POST", "/v1/retrievers", body)["retriever_id"]
    shown = execute(shop, mapped, inputs={"session_id": sent["session_id"]})
    linked = custom | {"execution_id": shown["execution_id"], "feature_id": ids(shown)[0]}
    assert posted(shop, json.dumps(linked))["metadata"]["reward_value"] == 4.0


def test_the_same_act_again_is_not_stored(shop: Live, retriever: str):
    shown = execute(shop, retriever, "wireless earbuds")
    row = {"feature_id": ids(shown)[0], "interaction_type": ["click"], "position": 0,
           "execution_id": shown["execution_id"]}  # fmt: skip
    first, second = (posted(shop, json.dumps(row)) for _ in range(2))
    assert first["deduplicated"] is False
    assert (second["deduplicated"], second["interaction_id"]) == (True, None)


def test_what_an_act_may_claim(shop: Live, retriever: str):
    act = {"feature_id": "d01", "interaction_type": ["click"], "position": 0}
    empty = {"result_set_size": 0}
    nothing = {"interaction_type": ["zero_results"], "position": 0}
    assert posted(shop, json.dumps(nothing | empty))["interaction_id"]
    assert posted(shop, json.dumps(act | empty))["status"] == 422
    of = {"retriever_id": retriever}
    assert posted(shop, json.dumps(act | of))["status"] == 422
    past = of | {"occurred_at": "2026-01-01T00:00:00Z"}
    assert posted(shop, json.dumps(act | past))["interaction_id"]


def test_consumed_content_is_left_out_by_the_snippet(shop: Live, retriever: str):
    snippet = between("# Exclude content user already consumed", ")")
    rest = seed("000").split(snippet)[1].split("Outcome:")[0]
    answers: list[Any] = []
    client = Client(base_url=shop.url, api_key="key")

    def kept(**arguments: Any) -> None:
        answers.append(client.retriever(retriever).execute(**arguments))

    given = {"interactions": client.interactions, "retriever": SimpleNamespace(execute=kept)}
    unrestricted = set(ids(execute(shop, retriever, "new arrivals")))
    bought = sorted(unrestricted)[:2]
    exec(snippet + rest, dict(given))
    for document_id in bought:
        row = {"feature_id": document_id, "interaction_type": ["purchase"], "position": 0,
               "user_id": "user_123"}  # fmt: skip
        posted(shop, json.dumps(row))
    shop.ok("POST", "/v1/admin/flush", {})
    exec(snippet + rest, dict(given))
    client.close()
    before, after = ({d["document_id"] for d in answer.documents} for answer in answers)
    assert before == unrestricted
    assert not after & set(bought)
    assert bought


def test_the_popularity_configuration_is_taken_as_it_stands(shop: Live):
    body = json.loads(popularity()) | {"retriever_name": a_name("popular")}
    made = posted(shop, json.dumps(body), "/v1/retrievers")
    kinds = [stage["config"]["stage_id"] for stage in made["stages"]]
    assert kinds == ["feature_search", "rerank"]
    assert parameters_of(made)["final_top_k"] == 100
    shown = execute(shop, made["retriever_id"], "noise cancelling")
    last = ids(shown)[-1]
    for user in range(3):
        row = {"feature_id": last, "interaction_type": ["click"], "position": 9,
               "user_id": a_name(f"fan{user}")}  # fmt: skip
        posted(shop, json.dumps(row))
    shop.ok("POST", "/v1/admin/flush", {})
    again = execute(shop, made["retriever_id"], "noise cancelling")
    boost = {d["document_id"]: d["scores"]["interaction_boost"] for d in again["documents"]}
    assert 1 < boost[last] <= 1.2


def popularity() -> str:
    """The JSON that configures what is used lately."""
    lines = seed("000").splitlines()
    start = next(n for n, line in enumerate(lines) if line == '  "stages": [') - 1
    end = next(n for n in range(start, len(lines)) if lines[n] == "}")
    return "\n".join(lines[start : end + 1])


def gets() -> list[str]:
    """The addresses that seed 000 reads."""
    return re.findall(r"^GET (\S+)$", seed("000"), re.MULTILINE)


def test_lists_are_read_by_the_lines_of_the_seed(shop: Live):
    posted(shop, capture_sample()[1])
    shop.ok("POST", "/v1/admin/flush", {})
    assert len(gets()) == 3
    for address in gets():
        found = shell(shop, f'curl "$MP_API_URL{address}"')
        assert {"results", "items", "pagination"} <= found.keys()
        assert found["items"] == found["results"]
        assert found["results"]
    by_document, by_user, _ = (shell(shop, f'curl "$MP_API_URL{each}"') for each in gets())
    assert {row["feature_id"] for row in by_document["results"]} == {"doc_xyz789"}
    assert {row["user_id"] for row in by_user["results"]} == {"user_123"}
    two = f"{CAPTURE}?interaction_type=click&interaction_type=purchase"
    both = shell(shop, f'curl "$MP_API_URL{two}"')
    assert {kind for row in both["results"] for kind in row["interaction_type"]} >= {
        "click", "purchase"}  # fmt: skip


def test_an_export_by_pages_goes_beyond_row_10_000(shop: Live):
    user, made = a_name("many"), 10_050
    rows = [
        {"feature_id": f"d{n % 26:02d}", "interaction_type": "click", "position": 0,
         "user_id": user, "occurred_at": f"2026-02-01T00:00:{n % 60:02d}Z"}
        for n in range(made)
    ]  # fmt: skip
    for start in range(0, made, 1000):
        batch = {"interactions": rows[start : start + 1000]}
        assert shop.ok("POST", f"{CAPTURE}/batch", batch)["failed"] == 0
    shop.ok("POST", "/v1/admin/flush", {})
    pages = [
        shop.ok("GET", f"{CAPTURE}?user_id={user}&page={page}&page_size=1000")["results"]
        for page in (1, 11)
    ]
    assert [len(page) for page in pages] == [1000, 50]
    assert not {row["interaction_id"] for row in pages[0]} & {
        row["interaction_id"] for row in pages[1]}  # fmt: skip


def test_an_act_is_deleted_and_a_person_forgotten(shop: Live):
    address = re.search(r"^DELETE (\S+)<interaction_id>$", seed("000"), re.MULTILINE)
    assert address is not None
    # "Hash user_id before sending": any opaque text is a user.
    user = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
    row = {"feature_id": "d01", "interaction_type": ["click"], "position": 0, "user_id": user}
    first = posted(shop, json.dumps(row))["interaction_id"]
    posted(shop, json.dumps(row | {"feature_id": "d02"}))
    for _ in range(2):
        gone = shell(shop, f'curl -X DELETE "$MP_API_URL{address[1]}{first}"')
        assert gone["success"] is True
    shop.ok("POST", "/v1/admin/flush", {})
    left = shop.ok("GET", f"{CAPTURE}?user_id={user}")["results"]
    assert [each["feature_id"] for each in left] == ["d02"]
    receipt = shell(shop, f'curl -X DELETE "$MP_API_URL{CAPTURE}?user_id={user}"')
    assert (receipt["user_id"], receipt["deleted"]) == (user, 1)
    assert shop.ok("GET", f"{CAPTURE}?user_id={user}")["results"] == []
