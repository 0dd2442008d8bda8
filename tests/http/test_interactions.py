"""The interaction routes through the whole application: bodies of every kind, answers, refusals."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from desireline.http.app import create_app
from desireline.settings import Settings
from tests.capturing import EXECUTION, NOW_MS, RETRIEVER, URIS, World, a_world

ROOT = "/v1/retrievers/interactions"
CLICK = {
    "feature_id": "d0",
    "interaction_type": ["click"],
    "position": 0,
    "execution_id": f"exec_{EXECUTION}",
}
Story = Callable[[httpx.AsyncClient, World], Awaitable[None]]


@asynccontextmanager
async def never() -> Any:
    yield None


def over_http(folder: Path, story: Story) -> None:
    async def run() -> None:
        async with a_world(folder) as world:
            app = create_app(Settings(data=str(folder)), never)
            app.app.state.system = world
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                await story(client, world)

    asyncio.run(run())


def wrong(response: httpx.Response) -> dict[str, Any]:
    """The error of a refusal, which always has the one envelope."""
    body = response.json()
    assert body["success"] is False
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["x-request-id"]
    return body["error"]


def test_a_receipt_says_what_was_credited_and_that_it_teaches(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        sent = CLICK | {
            "feature_uri": URIS[1],
            "document_score": 0.82,
            "query_snapshot": {"q": "x"},
        }
        response = await client.post(ROOT, json=sent)
        assert response.status_code == 200
        answer = response.json()
        assert answer["interaction_id"].startswith("int_")
        assert (answer["feature_id"], answer["position"], answer["rank"]) == ("d0", 0, 0)
        assert (answer["feature_uri"], answer["client_feature_uri"]) == URIS
        assert (answer["execution_id"], answer["retriever_id"]) == (
            f"exec_{EXECUTION}",
            f"ret_{RETRIEVER}",
        )
        assert (answer["deduplicated"], answer["attribution"], answer["teaches"]) == (
            False,
            "logged",
            True,
        )
        assert answer["metadata"] == {"reward_value": 1.0}
        assert answer["timestamp"] == "2025-10-09T08:53:20.000Z"
        assert answer["warning"] is None
        read = await client.get(f"{ROOT}/{answer['interaction_id']}")
        assert read.json() == answer
        again = (await client.post(ROOT, json=sent)).json()
        assert (again["deduplicated"], again["interaction_id"]) == (True, None)
        assert "5 minutes" in again["warning"]

    over_http(tmp_path, story)


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1", ""])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8"])
def test_neither_prefix_nor_content_type_matters(tmp_path: Path, prefix: str, kind: str):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        path = f"{prefix}/retrievers/interactions"
        body = gzip.compress(msgspec.json.encode(CLICK))
        headers = {"content-type": kind, "content-encoding": "gzip"}
        response = await client.post(path, content=body, headers=headers)
        assert response.status_code == 200, response.text
        listed = await client.get(path)
        assert len(listed.json()["results"]) == 1

    over_http(tmp_path, story)


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        (b'{"feature_id": "d", "position": 0, "interaction_typ": "click"}', 422, "unknown_field",
         "$.interaction_typ"),
        (b'{"feature_id": "d", "position": -1, "interaction_type": "click"}', 422, "wrong_value",
         "$.position"),
        (b'{"feature_id": 7, "position": 0, "interaction_type": "click"}', 422, "wrong_type",
         "$.feature_id"),
        (b'{"feature_id": "d", "position": 0, "interaction_type": []}', 422, "wrong_value",
         "$.interaction_type"),
        (b'{"feature_id": "d", "position": 0}', 422, "required_field", "$.interaction_type"),
        (b'{"feature_id": "d", "document_id": "e", "interaction_type": "click"}', 422,
         "contradiction", "$.document_id"),
        (b'{"feature_id": "d", "position": 0, "interaction_type": "click", "document_score": NaN}',
         400, "not_json", None),
        (b'{"feature_id": "\xff"}', 400, "not_utf8", None),
        (b"not json", 400, "not_json", None),
        (b"", 422, "required_field", "$.interaction_type"),
        (b'{"metadata": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "too_deep", None),
        (b'{"metadata": "' + b"x" * 11_000_000 + b'"}', 413, "payload_too_large", None),
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_with_its_place(
    tmp_path: Path, body: bytes, status: int, code: str, path: str | None
):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        response = await client.post(ROOT, content=body)
        assert response.status_code == status, response.text
        error = wrong(response)
        assert error["code"] == code
        assert path is None or error["details"]["validation_errors"][0]["path"] == path

    over_http(tmp_path, story)


def test_a_batch_reports_every_row_by_itself(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        rows = [CLICK, CLICK | {"position": "first"}, {"feature_id": "d1"}, CLICK]
        response = await client.post(f"{ROOT}/batch", json={"interactions": rows})
        assert response.status_code == 200
        answer = response.json()
        assert (answer["created"], answer["failed"], answer["deduplicated"]) == (1, 2, 1)
        assert [line["status"] for line in answer["results"]] == [
            "created", "failed", "failed", "deduplicated",
        ]  # fmt: skip
        assert all(isinstance(line["interaction_id"], str) for line in answer["results"])
        assert [line.split(":")[0] for line in answer["errors"]] == ["1", "2"]
        rejected = await world.rows("rejected_interactions")
        assert msgspec.json.decode(rejected[0]["raw"]) == rows[1]
        assert rejected[0]["path"] == "$.position"

    over_http(tmp_path, story)


def test_a_batch_may_come_as_lines_and_a_bad_line_costs_only_itself(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        lines = [msgspec.json.encode(CLICK), b"", b'{"broken', b"\xff",
                 msgspec.json.encode(CLICK | {"feature_id": "d1"})]  # fmt: skip
        kind = {"content-type": "application/x-ndjson"}
        response = await client.post(f"{ROOT}/batch", content=b"\n".join(lines), headers=kind)
        answer = response.json()
        assert (answer["created"], answer["failed"]) == (2, 2)

    over_http(tmp_path, story)


@pytest.mark.parametrize("number", ["1e-106", "-1e-31", "1e31", "2" + "0" * 200])
@pytest.mark.parametrize("name", ["document_score", "order_value"])
def test_a_number_that_no_column_takes_is_named_with_its_bound(
    tmp_path: Path, name: str, number: str
):
    place = "metadata.order_value" if name == "order_value" else name
    rest = msgspec.json.encode(CLICK)[:-1].decode()
    field = f'"metadata":{{"{name}":{number}}}' if name == "order_value" else f'"{name}":{number}'

    async def story(client: httpx.AsyncClient, world: World) -> None:
        response = await client.post(ROOT, content=f"{rest},{field}}}".encode())
        assert response.status_code == 422, response.text
        (found,) = wrong(response)["details"]["validation_errors"]
        assert found["path"] == f"$.{place}"
        assert "1e-30 to 1e30" in found["hint"]
        assert await world.rows("interactions") == []

    over_http(tmp_path, story)


@pytest.mark.parametrize("number", [0.0, 1e-30, -1e30, 19.99])
def test_a_number_within_the_bound_is_read_back_as_sent(tmp_path: Path, number: float):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        sent = CLICK | {"metadata": {"order_value": number}}
        assert (await client.post(ROOT, json=sent)).status_code == 200
        (row,) = await world.rows("interactions")
        assert row["value"] == number

    over_http(tmp_path, story)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_is_none_costs_only_its_row(tmp_path: Path, number: str):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        good = msgspec.json.encode(CLICK).decode()
        body = f'{{"interactions": [{good}, {{"document_score": {number}}} , {good}]}}'
        answer = (await client.post(f"{ROOT}/batch", content=body.encode())).json()
        assert (answer["created"], answer["failed"], answer["deduplicated"]) == (1, 1, 1)

    over_http(tmp_path, story)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"interactions": []}', 422, "batch_size"),
        (msgspec.json.encode({"interactions": [CLICK] * 1001}), 422, "batch_size"),
        (b'{"interactions": [], "source": "x"}', 422, "unknown_field"),
        (b'{"rows": []}', 422, "unknown_field"),
        (b"[]", 422, "wrong_type"),
        (b'{"interactions": [', 400, "not_json"),
        (b'{"interactions": [NaN}', 400, "not_json"),
    ],
)
def test_a_wrong_envelope_is_refused_as_a_whole(
    tmp_path: Path, body: bytes, status: int, code: str
):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        response = await client.post(f"{ROOT}/batch", content=body)
        assert (response.status_code, wrong(response)["code"]) == (status, code)
        assert await world.rows("rejected_interactions") == []

    over_http(tmp_path, story)


def test_a_retry_under_its_key_gets_the_first_answer(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        for path, body in ((ROOT, CLICK), (f"{ROOT}/batch", {"interactions": [CLICK]})):
            key = {"Idempotency-Key": path}
            first = await client.post(path, json=body, headers=key)
            world.now_ms += 10 * 60_000
            again = await client.post(path, json=body, headers=key)
            assert again.content == first.content
        assert len(await world.rows()) == 2
        long = {"Idempotency-Key": "k" * 256}
        assert (await client.post(ROOT, json=CLICK, headers=long)).status_code == 422

    over_http(tmp_path, story)


def test_lists_take_the_same_fields_in_the_body_and_in_the_query(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        for minute, kind in enumerate(["click", "purchase", "skip", "share"]):
            world.now_ms = NOW_MS + minute * 60_000
            await client.post(ROOT, json=CLICK | {"interaction_type": kind, "feature_id": "d1"})
        path = f"{ROOT}/list?page=2&page_size=3"
        listed = (await client.post(path, json={"retriever_id": "products"})).json()
        assert len(listed["results"]) == 1
        assert listed["items"] == listed["results"]
        assert (listed["pagination"]["page"], listed["pagination"]["previous_page"]) == (2, 1)
        query = [("interaction_type", "purchase"), ("interaction_type", "skip"), ("days", "90"),
                 ("include_total", "true"), ("feature_id", "d1"), ("limit", "1")]  # fmt: skip
        got = (await client.get(ROOT, params=query)).json()
        assert got["pagination"]["total"] == 2
        assert got["results"][0]["interaction_type"] == ["skip"]
        cursor = got["pagination"]["next_cursor"]
        after = (await client.get(ROOT, params=[*query, ("cursor", cursor)])).json()
        assert after["results"][0]["interaction_type"] == ["purchase"]
        assert after["pagination"]["next_cursor"] is None
        deep = (await client.get(ROOT, params={"page": 20, "page_size": 1000})).json()
        assert deep["results"] == []
        oldest = {"sort": {"field": "timestamp", "direction": "asc"}}
        first = (await client.post(f"{ROOT}/list", json=oldest)).json()["results"][0]
        assert first["timestamp"].startswith("2025-10-09T08:53")
        assert len((await client.post(f"{ROOT}/list")).json()["results"]) == 4

    over_http(tmp_path, story)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"filters": {"AND": []}}, "not_available"),
        ({"search": "x"}, "not_available"),
        ({"variant": "learned"}, "not_available"),
        ({"sort": {"field": "reward"}}, "wrong_value"),
        ({"attribution": "guessed"}, "wrong_value"),
        ({"limit": 0}, "wrong_value"),
        ({"limit": 1001}, "wrong_value"),
        ({"cursor": "1; drop"}, "invalid_cursor"),
        ({"created_after": "soon"}, "invalid_time"),
        ({"feature": "d"}, "unknown_field"),
    ],
)
def test_a_list_refuses_what_it_can_not_do_by_name(tmp_path: Path, body: dict, code: str):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        response = await client.post(f"{ROOT}/list", json=body)
        assert (response.status_code, wrong(response)["code"]) == (422, code), response.text

    over_http(tmp_path, story)


def test_query_parameters_are_checked_like_fields(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        for query, code in (("limit=x", "wrong_type"), ("limits=3", "unknown_field"),
                            ("search=a", "not_available"), ("page=0", "wrong_value")):  # fmt: skip
            response = await client.get(f"{ROOT}?{query}")
            assert (response.status_code, wrong(response)["code"]) == (422, code)

    over_http(tmp_path, story)


def test_deleting_is_idempotent_and_leaves_nothing(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        identity = (await client.post(ROOT, json=CLICK)).json()["interaction_id"]
        first = await client.delete(f"{ROOT}/{identity}")
        again = await client.delete(f"{ROOT}/{identity}")
        assert (first.status_code, again.status_code) == (200, 200)
        assert (first.json()["deleted"], again.json()["deleted"]) == (True, False)
        gone = await client.get(f"{ROOT}/{identity}")
        assert (gone.status_code, wrong(gone)["code"]) == (404, "interaction_not_found")
        assert (await client.get(ROOT)).json()["results"] == []

    over_http(tmp_path, story)


def test_deleting_all_of_a_user_answers_a_receipt(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        for each in ("click", "purchase"):
            await client.post(ROOT, json=CLICK | {"interaction_type": each})
        other = {"feature_id": "d1", "interaction_type": "click", "position": 1, "user_id": "u2"}
        await client.post(ROOT, json=other)
        receipt = (await client.delete(f"{ROOT}?user_id=u1")).json()
        again = (await client.delete(f"{ROOT}?user_id=u1")).json()
        assert receipt == {
            "user_id": "u1", "deleted": 2, "rows_deleted": 2, "contexts_recomputed": 2,
            "executions_redacted": 0, "models_flagged_for_retraining": [], "datasets_affected": [],
            "at": "2025-10-09T08:53:20.000Z", "completed_at": "2025-10-09T08:53:20.000Z",
        }  # fmt: skip
        assert (again["deleted"], again["contexts_recomputed"]) == (0, 0)
        left = (await client.get(ROOT)).json()["results"]
        assert [row["user_id"] for row in left] == ["u2"]

    over_http(tmp_path, story)


@pytest.mark.parametrize(
    ("query", "body", "code", "path"),
    [
        ("", None, "required_field", "query.user_id"),
        ("?user_id=", None, "wrong_value", "query.user_id"),
        ("?user=u1", None, "unknown_field", "query.user"),
        ("?user_id=u1&session_id=s1", None, "not_available", "query.session_id"),
        ("?user_id=u1", b'{"user_id": "u2"}', "unknown_field", "$"),
    ],
)
def test_nothing_is_deleted_unless_a_user_is_named(
    tmp_path: Path, query: str, body: bytes | None, code: str, path: str
):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        await client.post(ROOT, json=CLICK)
        refused = await client.request("DELETE", f"{ROOT}{query}", content=body)
        error = wrong(refused)
        assert (refused.status_code, error["code"]) == (422, code)
        assert error["details"]["validation_errors"][0]["path"] == path
        assert error["hint"]
        assert len((await client.get(ROOT)).json()["results"]) == 1

    over_http(tmp_path, story)


def test_what_is_not_offered_says_so(tmp_path: Path):
    async def story(client: httpx.AsyncClient, world: World) -> None:
        put = await client.put(ROOT, json=CLICK)
        assert (put.status_code, wrong(put)["code"]) == (405, "method_not_allowed")
        assert (await client.get(f"{ROOT}/batch")).status_code == 405
        bad = await client.get(f"{ROOT}/int_1")
        assert (bad.status_code, wrong(bad)["code"]) == (422, "invalid_id")
        lost = await client.post(ROOT, json=CLICK, headers={"X-Namespace": "lost"})
        assert (lost.status_code, wrong(lost)["code"]) == (404, "namespace_not_found")

    over_http(tmp_path, story)
