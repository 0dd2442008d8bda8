"""The how-to pages for other engines run as they are printed; an embedded index plays the engine.

Only the function `hits` of a page is replaced: it asks a retriever of one search instead.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import IMAGE, TEXT, Live, a_search, a_stage, execute, make_collection
from tests.e2e.live import make_retriever as make

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
FIELDS = {"title": TEXT, "caption": IMAGE, "dense": TEXT, "sparse": IMAGE}
Engine = Callable[[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def engine(live: Live) -> Engine:
    """A foreign engine: (field, query) to ids and scores."""
    collection = make_collection(live)
    searched = {
        name: make(live, collection, a_stage([a_search(uri)], final_top_k=100))
        for name, uri in FIELDS.items()
    }

    def ask(field: str, query: str) -> list[dict[str, Any]]:
        found = execute(live, searched[field], query, purpose="test")["documents"]
        return [{name: each[name] for name in ("document_id", "score")} for each in found]

    return ask


def blocks(page: str, url: str) -> list[str]:
    """The page's programs, in order, with the address of the running server."""
    found = re.findall(r"^```python\n(.*?)^```$", (PAGES / page).read_text("utf-8"), re.M | re.S)
    return [each.replace("http://127.0.0.1:8080", url) for each in found]


def run(page: str, live: Live, hits: Callable[..., Any]) -> tuple[dict[str, Any], str]:
    """Every block in one namespace, as a reader pastes them; what was printed."""
    names: dict[str, Any] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for block in blocks(page, live.url):
            exec(compile(block, page, "exec"), names)
            if "def hits(" in block:
                names["hits"] = hits
    names["api"].close()
    return names, said.getvalue()


def check(live: Live, names: dict[str, Any], said: str, name: str) -> None:
    """Fused, clicked, learned."""
    assert names["made"].json()["warnings"]
    answer = names["answer"]
    assert answer["status"] == "completed"
    assert len(answer["documents"]) == 10
    assert said == "True\n"
    live.learn()
    assert (
        live.ok("GET", f"/v1/retrievers/{name}/learned-fusion/weights")["total_interactions"] == 1
    )


def test_the_page_for_elasticsearch(live: Live, engine: Engine):
    def hits(clause: dict[str, Any]) -> Any:
        ((field, query),) = clause["match"].items()
        return engine(field, query)

    names, said = run("your-own-engine-elasticsearch.md", live, hits)
    check(live, names, said, "shop")
    past = live.ok("GET", f"/v1/retrievers/executions/{names['past']['execution_id']}")
    assert past["created_at"] == "2026-01-31T12:00:00.000Z"
    assert len(past["documents"]) == 10


def test_the_page_for_qdrant(live: Live, engine: Engine):
    names, said = run("your-own-engine-qdrant.md", live, engine)
    check(live, names, said, "points")


@pytest.mark.parametrize("page", sorted(PAGES.glob("your-own-engine-*.md")), ids=lambda p: p.stem)
def test_the_programs_are_short(page: Path):
    found = blocks(page.name, "")
    setup, engine, search, click = (len(block.splitlines()) for block in found[:4])
    assert engine + search + click <= 22
    assert setup <= 10
    assert max(len(line) for block in found for line in block.splitlines()) <= 110
