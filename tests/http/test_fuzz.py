"""5,000 generated requests, right and wrong ones, over every described route: no 5xx, and every
refusal in the one envelope with a code, a place and a next step.

The stages of a retriever are described to the generator by their structs, which the OpenAPI
document does not do. The seed is fixed; FUZZ_EXAMPLES sends more, another time, others.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import hypothesis
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis.errors import Unsatisfiable

from docs.generating.stages import STRUCTS
from tests.e2e.live import (
    Live,
    Reply,
    checked_error,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
    serving,
)

REQUESTS = 5_000
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))  # of each operation; 0: REQUESTS in all


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server of its own: what is sent here may delete anything."""
    with serving(tmp_path_factory.mktemp("fuzz")) as server:
        yield server


@pytest.fixture(scope="module")
def things(target: Live) -> dict[str, str]:
    """Values of path parameters, so that most requests get past the 404."""
    name = make_collection(target, 5)
    retriever = make_retriever(target, name)
    published = target.ok("POST", f"/v1/retrievers/{retriever}/publish", {"public_name": "fuzzed"})
    answer = execute(target, retriever)
    task = target.ok("POST", "/v1/tasks", {"task_type": "import", "total": 5})
    return {
        "collection": target.ok("GET", f"/v1/collections/{name}")["collection_id"],
        "retriever": retriever, "public_name": published["public_name"],
        "execution": answer["execution_id"], "document_id": ids(answer)[0],
        "interaction_id": click(target, answer, 0)["interaction_id"], "task_id": task["task_id"],
        "namespace": "default",
    }  # fmt: skip


def stage_schemas() -> dict[str, Any]:
    """Every stage as a schema of its nested shape."""
    kinds = list(STRUCTS.values())
    _, found = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for stage_id, kind in STRUCTS.items():
        reference = {"$ref": f"#/components/schemas/{kind.__name__}"}
        found[f"stage_{stage_id}"] = {
            "type": "object", "required": ["config"], "properties": {
                "on_error": {"enum": ["error", "skip"]},
                "config": {"type": "object", "required": ["stage_id", "parameters"],
                           "properties": {"stage_id": {"const": stage_id},
                                          "parameters": reference}},
            },
        }  # fmt: skip
    return found


def schema_of(live: Live) -> Any:
    """The described operations, with stages in full."""
    found = live.ok("GET", "/openapi.json")
    schemas = found["components"]["schemas"]
    stages = stage_schemas()
    schemas.update({name: schema for name, schema in stages.items() if name not in schemas})
    one = [{"$ref": f"#/components/schemas/stage_{stage_id}"} for stage_id in STRUCTS]
    for schema in schemas.values():
        if "stages" in schema.get("properties", {}):
            listed = {"type": "array", "items": {"anyOf": one}}
            schema["properties"]["stages"] = listed
    return schemathesis.openapi.from_dict(found)


def checked(live: Live, case: Any, things: dict[str, str]) -> int:
    """Send a case; no 5xx, and every refusal says what, where and what next. The status."""
    for name, value in things.items():
        if name in (case.path_parameters or {}) and case.method != "DELETE":
            case.path_parameters[name] = value
    if case.path == "/v1/live":  # else it would not end
        case.query = {**(case.query or {}), "follow": "false"}
    try:
        response = case.call(base_url=live.url, timeout=20)
    except (ValueError, UnicodeError):
        return 0  # no HTTP request can carry this
    assert response.status_code < 500, response.content
    if response.status_code >= 400:
        body = msgspec.json.decode(response.content)
        headers = httpx.Headers({"x-request-id": response.headers["x-request-id"][0]})
        error = checked_error(Reply(response.status_code, body, headers, response.content))
        assert response.status_code != 422 or says_what_next(error), error
    return int(response.status_code)


def says_what_next(error: Any) -> bool:
    """Whether a 422 has a hint, of its own or at a place."""
    return bool(error["hint"] or any(p["hint"] for p in error["details"]["validation_errors"]))


def fuzz(live: Live, things: dict[str, str], examples: int) -> Counter[int]:
    """Send generated requests to every operation; how many of each status came back."""
    statuses: Counter[int] = Counter()
    for result in schema_of(live).get_all_operations():
        for mode in schemathesis.GenerationMode:

            @hypothesis.settings(
                max_examples=max(1, examples // 2), deadline=None, database=None,
                derandomize=not EXAMPLES, suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @hypothesis.given(case=result.ok().as_strategy(generation_mode=mode))
            def send(case: Any) -> None:
                statuses[checked(live, case, things)] += 1

            with suppress(Unsatisfiable):  # nothing of it can be wrong
                send()
    return statuses


@pytest.mark.timeout(600)
def test_no_described_request_breaks_the_server(target: Live, things: dict[str, str]):
    operations = len(list(schema_of(target).get_all_operations()))
    found = fuzz(target, things, EXAMPLES or int(1.3 * REQUESTS / operations))
    print(f"{sum(found.values())} requests: {dict(found)}")
    assert sum(found.values()) >= (0 if EXAMPLES else REQUESTS)
    assert found[200] > 500
    assert target.call("GET", "/readyz").status == 200
    assert '"request failed"' not in target.log.read_text()
