"""Executions read back in pages, through HTTP alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.live import Live, a_stage, execute, make_collection, make_retriever


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


def test_executions_are_listed_in_pages_with_what_they_showed(live: Live, products: str):
    retriever = make_retriever(live, products, a_stage(fusion="learned"))
    other = make_retriever(live, products)
    people = [
        {"user_id": f"reader{n % 2}", "session_id": f"{retriever}{n}"} for n in range(5)
    ]  # fmt: skip
    ran = [execute(live, retriever, inputs=who)["execution_id"] for who in people]
    alone = execute(live, other)["execution_id"]
    one, every = f"/v1/retrievers/{retriever}/executions", "/v1/retrievers/executions"
    newest = live.ok("POST", f"{one}/list")["results"]
    assert [each["execution_id"] for each in newest] == ran[::-1]
    for each in newest[:2]:
        alike = live.ok("GET", f"{every}/{each['execution_id']}")
        assert alike == each

    def listed(path: str, **body: Any) -> list[str]:
        return [each["execution_id"] for each in live.ok("POST", path, body)["results"]]

    assert listed(f"{one}/list", user_id="reader1") == [ran[3], ran[1]]
    assert listed(f"{every}/list", session_id=f"{retriever}2") == [ran[2]]
    wanted = [alone, ran[0], "exec_" + "0" * 32]
    assert listed(f"{every}/list", execution_ids=wanted, sort={"direction": "asc"}) == [
        ran[0], alone
    ]  # fmt: skip
    assert listed(f"{one}/list", execution_ids=[alone]) == []
    assert listed(f"{one}/list", created_before="2020-01-01") == []
    first = live.ok("GET", f"{one}?page_size=3")
    cursor = first["pagination"]["next_cursor"]
    second = live.ok("GET", f"{one}?page_size=3&cursor={cursor}")
    assert [e["execution_id"] for e in (*first["results"], *second["results"])] == ran[::-1]
    assert second["pagination"]["next_cursor"] is None


def test_an_execution_is_read_back_as_it_was_answered(live: Live, products: str):
    retriever = make_retriever(live, products, a_stage(fusion="learned"))
    fresh = execute(live, retriever, user_id="reader")
    read = live.ok("GET", f"/v1/retrievers/executions/{fresh['execution_id']}")
    told, logged = fresh["learned_fusion_context"], read["learned_fusion_context"]
    assert list(logged) == list(told)
    assert logged.pop("sampled_weights") == pytest.approx(told.pop("sampled_weights"))
    assert logged.pop("bucket") == pytest.approx(told.pop("bucket"))
    assert logged == told
    assert len(read["documents"]) == len(fresh["documents"]) > 0
    for one, other in zip(read["documents"], fresh["documents"], strict=True):
        assert (one["document_id"], one["rank"]) == (other["document_id"], other["rank"])
        for part, whole in zip(one["attribution"], other["attribution"], strict=True):
            assert whole.keys() - part.keys() == {"rank", "raw_score"}
            assert part.pop("feature_uri") == whole["feature_uri"]
            assert part == pytest.approx({name: whole[name] for name in part}, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"execution_ids": ["x"]}, "$.execution_ids[0]", "invalid_id"),
        ({"execution_ids": "x"}, "$.execution_ids", "wrong_type"),
        ({"execution_ids": []}, "$.execution_ids", "wrong_value"),
        ({"userid": "x"}, "$.userid", "unknown_field"),
        ({"filters": {}}, "$.filters", "not_available"),
        ({"include_total": True}, "$.include_total", "not_available"),
        ({"cursor": "x"}, "$.cursor", "invalid_cursor"),
        ({"created_after": "soon"}, "$.created_after", "invalid_time"),
    ],
)
def test_a_bad_list_of_executions_is_named_with_its_place(
    live: Live, body: Any, path: str, code: str
):
    error = live.refused("POST", "/v1/retrievers/executions/list", body)
    assert error["status"] == 422
    places = error["details"]["validation_errors"]
    assert (places[0]["path"], places[0]["type"]) == (path, code)
