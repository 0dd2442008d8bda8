"""One row a method of the published client: each is called against a live server, at every mount.

`docs/sdk_methods.toml` says what comes back; docs/reference/sdk-methods.md is made of it. A method
that a new version of the client adds, or a row without a method, fails here.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from docs.generate import sdk_rows
from tests.e2e.live import Live, make_collection
from tests.sdk_environment import sdk_python

METHODS = Path(__file__).with_name("sdk_methods.py")
ROWS = sdk_rows()
BEING_BUILT = {"search", "retrievers.execute_batch"}
CODES = {"not offered": "not_offered", "later": "not_available"}


@cache
def told(live: Live, prefix: str) -> Any:
    """What every method gave at this base address."""
    command = [str(sdk_python()), str(METHODS), f"{live.url}{prefix}", make_collection(live)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(params=["/v1", "/api/v1", ""], ids=["v1", "api-v1", "root"])
def seen(live: Live, request: pytest.FixtureRequest) -> Any:
    return told(live, request.param)


def test_every_method_has_a_row_and_every_row_a_method(seen: Any):
    assert sorted(seen.keys() - {"search (vectors)"}) == sorted(ROWS)
    assert [name for name, answer in seen.items() if "uncalled" in answer] == []


@pytest.mark.parametrize("name", ROWS)
def test_a_method_does_what_its_row_says(seen: Any, name: str):
    row, found = ROWS[name], seen[name]
    if name in BEING_BUILT and found.get("code") in ("no_such_route", "method_not_allowed"):
        pytest.xfail("its route is not in this tree yet")
    if row["outcome"] == "works":
        assert "answer" in found, found
        assert set(row["gives"]) <= set(found["answer"])
    else:
        assert (found["status"], found["type"]) == (403, "NotEnabledError")
        assert found["code"] == CODES[row["outcome"]]
        assert found["hint"]
        assert found["retryable"] is False


def test_vectors_of_the_caller_are_searched_through_a_retriever_of_the_moment(seen: Any):
    documents = seen["search (vectors)"]["answer"]["documents"]
    assert [each["document_id"] for each in documents] == ["v1"]
    listed = seen["retrievers.list"]["answer"]["results"]
    assert not [each for each in listed if each["retriever_name"].startswith("sdk-byov")]


def test_answers_say_what_was_done(seen: Any):
    answers = {name: found.get("answer") for name, found in seen.items()}
    assert answers["retrievers.set_rollout"]["rollout_pct"] == 10
    assert answers["retrievers.clone"]["retriever"]["retriever_id"] != (
        answers["retrievers.clone"]["source_retriever_id"])  # fmt: skip
    assert answers["documents.update"]["colour"] == "red"
    assert answers["documents.search"]["results"][0]["document_id"]
    assert answers["namespaces.documents.upsert"]["document_ids"] == ["v1"]
    kinds = {each["event_type"] for each in answers["retrievers.get_activity"]["events"]}
    assert {"published", "disabled", "enabled", "rollout_changed", "opt_out", "opt_in",
            "reset"} <= kinds  # fmt: skip
