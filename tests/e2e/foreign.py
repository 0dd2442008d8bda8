"""Retrievers whose searches run in somebody else's engine, and what is sent to them."""

from __future__ import annotations

from typing import Any

from tests.e2e.live import Live, a_name, a_search, a_stage, click

A, B = "es://title", "qdrant://dense"
Pairs = dict[str, float]


def a_run(uri: str, scores: Pairs) -> dict[str, Any]:
    hits = [{"document_id": name, "score": score} for name, score in scores.items()]
    return {"feature_uri": uri, "hits": hits}


def fuse(live: Live, retriever: str, *runs: dict[str, Any], **body: Any) -> Any:
    inputs = {"query": "lamp", **body.pop("inputs", {})}
    sent = {"inputs": inputs, "runs": list(runs), **body}
    return live.ok("POST", f"/v1/retrievers/{retriever}/fuse", sent)


def foreign(live: Live, *searches: dict[str, Any], **parameters: Any) -> str:
    """A retriever whose searches nobody has registered."""
    named = list(searches) or [a_search(A), a_search(B)]
    made = live.ok(
        "POST", "/v1/retrievers",
        {"retriever_name": a_name("foreign"), "stages": [a_stage(named, **parameters)]},
    )  # fmt: skip
    assert made["warnings"]
    retriever: str = made["retriever_id"]
    return retriever


def log(live: Live, retriever: str, shown: Pairs, headers: Any = None, **body: Any) -> Any:
    hits = [{"document_id": name, "score": score} for name, score in shown.items()]
    sent = {"inputs": {"query": "lamp"}, "shown": hits, **body}
    return live.ok("POST", f"/v1/retrievers/{retriever}/executions", sent, **(headers or {}))


def read(live: Live, answer: Any) -> Any:
    return live.ok("GET", f"/v1/retrievers/executions/{answer['execution_id']}")


def learned(**config: Any) -> dict[str, Any]:
    return {"fusion": "learned", "learning_config": {"exploration_traffic": 0, **config}}


def stats(live: Live, retriever: str) -> Any:
    found = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/stats")
    return {name: found[name] for name in ("lessons", "state_sha256", "posterior_version")}


def taught(live: Live) -> str:
    """A retriever that serves learned weights."""
    retriever = foreign(live, **learned(algorithm="logistic"))
    runs = a_run(A, {"x": 2.0, "y": 1.0}), a_run(B, {"x": 0.5, "y": 1.0})
    for number in range(6):
        click(live, fuse(live, retriever, *runs, session_id=a_name(f"t{number}")), 0)
    live.learn()
    return retriever
