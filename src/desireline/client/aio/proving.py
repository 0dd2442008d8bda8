"""Evaluations, analytics and training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from desireline.client.aio.rows import AsyncResource
from desireline.client.answers import Signal
from desireline.client.calls import Call, get, given, path_of, post
from desireline.client.fields import Body
from desireline.client.reading import Open

DATASETS = ("retrievers", "evaluations", "datasets")


class AsyncEvaluations(AsyncResource):
    """Judgments, and metrics of retrievers on them."""

    async def create_dataset(
        self, dataset_name: str, queries: Iterable[Body], **fields: Any
    ) -> Open:
        """`POST /retrievers/evaluations/datasets`: judged queries under a name."""
        body = given(dataset_name=dataset_name, queries=[*queries], **fields)
        return await self._transport.ask(Open, post(*DATASETS, body=body))

    async def list_datasets(self, *, page: int = 1, page_size: int = 20) -> Open:
        """`GET /retrievers/evaluations/datasets`: one page."""
        return await self._transport.ask(Open, get(*DATASETS, page=page, page_size=page_size))

    async def get_dataset(self, dataset: str) -> Open:
        """`GET /retrievers/evaluations/datasets/{id}`: one, by id or name."""
        return await self._transport.ask(Open, get(*DATASETS, dataset))

    async def generate_from_interactions(self, retriever_id: str, **fields: Any) -> Open:
        """`POST /retrievers/{id}/evaluations/generate-from-interactions`: judgments from use
        (`min_interactions`, `lookback_days`, `dataset_name`).
        """
        path = ("retrievers", retriever_id, "evaluations", "generate-from-interactions")
        return await self._transport.ask(Open, post(*path, body=fields))

    async def run(self, retriever_id: str, *, dataset_name: str, **fields: Any) -> Open:
        """`POST /retrievers/{id}/evaluations`: starts one; read its `evaluation_id`."""
        body = {"dataset_name": dataset_name, **fields}
        call = post("retrievers", retriever_id, "evaluations", body=body)
        return await self._transport.ask(Open, call)

    async def list(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /retrievers/{id}/evaluations`: one page."""
        call = get("retrievers", retriever_id, "evaluations", **selection)
        return await self._transport.ask(Open, call)

    async def get(self, retriever_id: str, evaluation_id: str) -> Open:
        """`GET /retrievers/{id}/evaluations/{evaluation_id}`: where it stands, its metrics."""
        call = get("retrievers", retriever_id, "evaluations", evaluation_id)
        return await self._transport.ask(Open, call)


class AsyncRetrieverAnalytics(AsyncResource):
    """Reports about one retriever."""

    async def signals(
        self, retriever_id: str, *, signal_type: str = "learned_weights", hours: int = 24,
        limit: int = 100,
    ) -> list[Signal]:  # fmt: skip
        """`GET /analytics/retrievers/{id}/signals`: logged decisions, newest first."""
        call = get(
            "analytics", "retrievers", retriever_id, "signals", signal_type=signal_type,
            hours=hours, limit=limit,
        )  # fmt: skip
        return await self._transport.ask(list[Signal], call)

    async def performance(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/performance`: latency and counts."""
        return await self._report(retriever_id, "performance", selection)

    async def stages(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/stages`: where the time goes."""
        return await self._report(retriever_id, "stages", selection)

    async def slow_queries(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/slow-queries`: the slowest searches."""
        return await self._report(retriever_id, "slow-queries", selection)

    async def cache_performance(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/cache-performance`: how often the cache answered."""
        return await self._report(retriever_id, "cache-performance", selection)

    async def relevance(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/relevance`: what is skipped, what is
        rarely clicked.
        """
        return await self._report(retriever_id, "relevance", selection)

    async def analyze_tuning(self, retriever_id: str, *, days: int = 7) -> Open:
        """`POST /analytics/retrievers/{id}/analyze-tuning`: what to change."""
        path = path_of("analytics", "retrievers", retriever_id, "analyze-tuning")
        return await self._transport.ask(Open, Call("POST", path, query={"days": days}))

    async def _report(self, retriever_id: str, name: str, selection: dict[str, Any]) -> Open:
        call = get("analytics", "retrievers", retriever_id, name, **selection)
        return await self._transport.ask(Open, call)


class AsyncAnalytics(AsyncResource):
    """What the log says about queries, documents and retrievers."""

    @property
    def retrievers(self) -> AsyncRetrieverAnalytics:
        """The same, by report."""
        return AsyncRetrieverAnalytics(self._transport)

    async def get_retriever_signals(self, retriever_id: str, **selection: Any) -> Open:
        """`GET /analytics/retrievers/{id}/relevance`: what is ranked high and skipped, which
        queries are rarely clicked.
        """
        return await self.retrievers.relevance(retriever_id, **selection)

    async def get_query_document_pairs(
        self, *, date_range: Any = "last_30_days", min_interactions: int = 1, **fields: Any
    ) -> Open:
        """`POST /training/pairs`: contrastive pairs out of interactions."""
        body = {"date_range": date_range, "min_interactions": min_interactions, **fields}
        call = post("training", "pairs", body=body, is_repeatable=True)
        return await self._transport.ask(Open, call)


class AsyncTraining(AsyncResource):
    """Embeddings that learn from pairs."""

    async def fine_tune(self, *, base_model: str, training_data: Any, **fields: Any) -> Open:
        """`POST /training/jobs`: starts a job; its task says when it is done."""
        body = {"base_model": base_model, "training_data": training_data, **fields}
        return await self._transport.ask(Open, post("training", "jobs", body=body))

    async def get(self, job_id: str) -> Open:
        """`GET /training/jobs/{id}`: where a job stands."""
        return await self._transport.ask(Open, get("training", "jobs", job_id))
