# Written by tools/unasync.py from client/aio/proving.py (`make sync`): change that file.
"""Evaluations, analytics and training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from desireline.client.answers import Signal
from desireline.client.calls import Call, get, given, path_of, post
from desireline.client.fields import Body
from desireline.client.reading import Open
from desireline.client.sync.rows import Resource

DATASETS = ("retrievers", "evaluations", "datasets")


class Evaluations(Resource):
    """Judgments, and metrics of retrievers on them."""

    def create_dataset(self, dataset_name: str, queries: Iterable[Body], **fields: Any) -> Open:
        """`POST /retrievers/evaluations/datasets`: judged queries under a name."""
        body = given(dataset_name=dataset_name, queries=[*queries], **fields)
        return self._transport.ask(Open, post(*DATASETS, body=body))

    def list_datasets(self, *, page: int = 1, page_size: int = 20) -> Open:
        """`GET /retrievers/evaluations/datasets`: one page."""
        return self._transport.ask(Open, get(*DATASETS, page=page, page_size=page_size))

    def get_dataset(self, dataset: str) -> Open:
        """`GET /retrievers/evaluations/datasets/{id}`: one, by id or name."""
        return self._transport.ask(Open, get(*DATASETS, dataset))

    def generate_from_interactions(self, retriever_id: str, **fields: Any) -> Open:
        """`POST /retrievers/{id}/evaluations/generate-from-interactions`: judgments from use
        (`min_interactions`, `lookback_days`, `dataset_name`).
        """
        path = ("retrievers", retriever_id, "evaluations", "generate-from-interactions")
        return self._transport.ask(Open, post(*path, body=fields))

    def run(self, retriever_id: str, *, dataset_name: str, **fields: Any) -> Open:
        """`POST /retrievers/{id}/evaluations`: starts one; read its `evaluation_id`."""
        body = {"dataset_name": dataset_name, **fields}
        call = post("retrievers", retriever_id, "evaluations", body=body)
        return self._transport.ask(Open, call)

    def list(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /retrievers/{id}/evaluations`: one page."""
        call = get("retrievers", retriever_id, "evaluations", **selection)
        return self._transport.ask(Open, call)

    def get(self, retriever_id: str, evaluation_id: str) -> Open:
        """`GET /retrievers/{id}/evaluations/{evaluation_id}`: where it stands, its metrics."""
        call = get("retrievers", retriever_id, "evaluations", evaluation_id)
        return self._transport.ask(Open, call)


class RetrieverAnalytics(Resource):
    """Reports about one retriever."""

    def signals(
        self, retriever_id: str, *, signal_type: str = "learned_weights", hours: int = 24,
        limit: int = 100,
    ) -> list[Signal]:  # fmt: skip
        """`GET /analytics/retrievers/{id}/signals`: logged decisions, newest first."""
        call = get(
            "analytics", "retrievers", retriever_id, "signals", signal_type=signal_type,
            hours=hours, limit=limit,
        )  # fmt: skip
        return self._transport.ask(list[Signal], call)

    def performance(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/performance`: latency and counts."""
        return self._report(retriever_id, "performance", selection)

    def stages(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/stages`: where the time goes."""
        return self._report(retriever_id, "stages", selection)

    def slow_queries(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/slow-queries`: the slowest searches."""
        return self._report(retriever_id, "slow-queries", selection)

    def cache_performance(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/cache-performance`: how often the cache answered."""
        return self._report(retriever_id, "cache-performance", selection)

    def relevance(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/relevance`: what is skipped, what is
        rarely clicked.
        """
        return self._report(retriever_id, "relevance", selection)

    def analyze_tuning(self, retriever_id: str, *, days: int = 7) -> Open:
        """`POST /analytics/retrievers/{id}/analyze-tuning`: what to change."""
        path = path_of("analytics", "retrievers", retriever_id, "analyze-tuning")
        return self._transport.ask(Open, Call("POST", path, query={"days": days}))

    def _report(self, retriever_id: str, name: str, selection: dict[str, Any]) -> Open:
        call = get("analytics", "retrievers", retriever_id, name, **selection)
        return self._transport.ask(Open, call)


class Analytics(Resource):
    """What the log says about queries, documents and retrievers."""

    @property
    def retrievers(self) -> RetrieverAnalytics:
        """The same, by report."""
        return RetrieverAnalytics(self._transport)

    def get_retriever_signals(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/relevance`: what is ranked high and skipped, which
        queries are rarely clicked.
        """
        return self.retrievers.relevance(retriever_id, **selection)

    def get_query_document_pairs(
        self, *, date_range: Any = "last_30_days", min_interactions: int = 1, **fields: Any
    ) -> Open:
        """`POST /training/pairs`: contrastive pairs out of interactions."""
        body = {"date_range": date_range, "min_interactions": min_interactions, **fields}
        call = post("training", "pairs", body=body, is_repeatable=True)
        return self._transport.ask(Open, call)


class Training(Resource):
    """Embeddings that learn from pairs."""

    def fine_tune(self, *, base_model: str, training_data: Any, **fields: Any) -> Open:
        """`POST /training/jobs`: starts a job; its task says when it is done."""
        body = {"base_model": base_model, "training_data": training_data, **fields}
        return self._transport.ask(Open, post("training", "jobs", body=body))

    def get(self, job_id: str) -> Open:
        """`GET /training/jobs/{id}`: where a job stands."""
        return self._transport.ask(Open, get("training", "jobs", job_id))
