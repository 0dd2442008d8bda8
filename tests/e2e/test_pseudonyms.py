"""`anonymize: hmac`: no clear user id anywhere in the data directory, and all works as without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from desireline.errors import StartupError
from desireline.http.app import create_app
from desireline.http.metrics import PrometheusMetrics
from desireline.settings import Settings
from desireline.types.log import TABLES
from desireline.wiring import System, open_system
from tests.systems import NS, _fill, a_retriever, learn, now

ANN = "ann.clear@example.org"
ROOT = "/v1/retrievers"
Story = Callable[[httpx.AsyncClient, System], Awaitable[None]]


@asynccontextmanager
async def never() -> AsyncIterator[None]:
    yield


def over_http(folder: Path, story: Story, anonymize: Any = "hmac") -> None:
    async def run() -> None:
        settings = Settings(data=str(folder / "data"), anonymize=anonymize)
        system = await open_system(settings, PrometheusMetrics())
        try:
            if not system.live.collections(NS):
                await _fill(system)
            app = create_app(settings, never)
            app.app.state.system = system
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                await story(client, system)
        finally:
            await system.close()

    asyncio.run(run())


async def sent(client: httpx.AsyncClient, method: str, path: str, json: Any = None) -> Any:
    response = await client.request(method, path, json=json)
    assert response.status_code == 200, response.text
    return response.json()


async def use(client: httpx.AsyncClient, system: System) -> None:
    """Everything that takes a user id, once."""
    await a_retriever(system)
    asked = {"inputs": {"query": "red lamp", "user_id": ANN}, "session_id": "s1"}
    answer = await sent(client, "POST", f"{ROOT}/search/execute", asked)
    click = {
        "feature_id": answer["documents"][0]["document_id"], "position": 0, "user_id": ANN,
        "interaction_type": "click", "metadata": {"user_id": ANN},
        "query_snapshot": asked["inputs"],
    }  # fmt: skip
    linked = click | {"execution_id": answer["execution_id"]}
    receipt = await sent(client, "POST", f"{ROOT}/interactions", linked)
    assert (receipt["attribution"], receipt["teaches"]) == ("logged", True)
    broken = click | {"position": "first"}
    rows = {"interactions": [linked | {"interaction_type": "purchase"}, broken, click]}
    batch = await sent(client, "POST", f"{ROOT}/interactions/batch", rows)
    assert (batch["created"], batch["failed"]) == (2, 1)
    await learn(system)
    user = f"{ROOT}/search/learned-fusion/user/{ANN}"
    await sent(client, "DELETE", user)
    for change in ("opt-out", "opt-in", "opt-out"):
        await sent(client, "POST", f"{ROOT}/search/learned-fusion/{change}/{ANN}")


def test_no_clear_user_id_is_kept(tmp_path: Path):
    async def story(client: httpx.AsyncClient, system: System) -> None:
        await use(client, system)
        assert await system.intake.flushed(timeout_ms=10_000)
        for table in TABLES:
            rows = system.event_log._ask(f"SELECT * FROM {table}")  # noqa: S608
            assert ANN not in str(rows), table
            assert rows or table in ("marks", "identity_links")
        refused = system.event_log._ask("SELECT raw FROM rejected_interactions")
        assert "anon_" in str(refused)

    over_http(tmp_path, story)
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or ANN.encode() not in file.read_bytes(), file


def test_by_the_clear_id_everything_is_found(tmp_path: Path):
    async def story(client: httpx.AsyncClient, system: System) -> None:
        await use(client, system)
        path = f"{ROOT}/interactions?user_id={ANN}"
        rows = (await sent(client, "GET", path))["results"]
        assert len(rows) == 3
        (known_as,) = {row["user_id"] for row in rows}
        again = await sent(client, "GET", f"{ROOT}/interactions?user_id={known_as}")
        assert again["results"] == rows  # what an answer showed can be asked for
        listed = await sent(client, "POST", f"{ROOT}/executions/list", {"user_id": ANN})
        assert len(listed["results"]) == 1
        wanted = {"interaction_types": ["purchase"]}
        asked = {"inputs": {"query": "red lamp", "user_id": ANN}, "exclude_interacted": wanted}
        answer = await sent(client, "POST", f"{ROOT}/search/execute", asked)
        shown = [document["document_id"] for document in answer["documents"]]
        assert shown
        assert rows[0]["feature_id"] not in shown
        assert answer["learned_fusion_context"]["reason"] == "opted_out"
        erased = await sent(client, "DELETE", path)
        assert (erased["user_id"], erased["deleted"]) == (ANN, 3)
        assert (await sent(client, "GET", path))["results"] == []

    over_http(tmp_path, story)


def test_a_user_learns_alone_and_the_key_outlives_a_restart(tmp_path: Path):
    async def first(client: httpx.AsyncClient, system: System) -> None:
        await use(client, system)

    async def second(client: httpx.AsyncClient, system: System) -> None:
        rows = await sent(client, "GET", f"{ROOT}/interactions?user_id={ANN}")
        assert len(rows["results"]) == 3
        served = now(system, await_served(system))
        assert {len(user) for user in served.opted_out} == {37}

    over_http(tmp_path, first)
    over_http(tmp_path, second)
    assert (tmp_path / "data" / "pseudonym.key").stat().st_mode & 0o777 == 0o600


def await_served(system: System) -> Any:
    return system.live.retriever(NS, "search")


@pytest.mark.parametrize(("before", "after"), [("none", "hmac"), ("hmac", "none")])
def test_a_directory_keeps_its_way(tmp_path: Path, before: str, after: str):
    async def story(client: httpx.AsyncClient, system: System) -> None:
        pass

    over_http(tmp_path, story, before)
    with pytest.raises(StartupError, match="was begun with"):
        over_http(tmp_path, story, after)
    over_http(tmp_path, story, before)
