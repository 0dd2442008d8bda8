"""What a search is asked with: bodies of execute, batch and ad hoc search. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from desireline.client.calls import given
from desireline.client.fields import Body


def asked(inputs: Body | None, query: Any = None, **fields: Any) -> dict[str, Any]:
    """Body of an execution; `query` is short for the input of that name.

    >>> asked({"user_id": "u1"}, "boots", limit=3, filters=None)
    {'inputs': {'user_id': 'u1', 'query': 'boots'}, 'limit': 3}
    """
    named = dict(inputs or {})
    if query is not None:
        if named.get("query", query) != query:
            raise ValueError("`query` differs from `inputs['query']`: give one of them")
        named["query"] = query
    return given(inputs=named, **fields)


def wrapped(queries: Iterable[Body]) -> list[Body]:
    """Queries of a batch; bare inputs are wrapped.

    >>> wrapped([{"query": "boots"}, {"inputs": {"query": "hats"}, "limit": 3}])
    [{'inputs': {'query': 'boots'}}, {'inputs': {'query': 'hats'}, 'limit': 3}]
    """
    return [each if "inputs" in each else {"inputs": each} for each in queries]


def ad_hoc(
    query: str, collection: str | Sequence[str] | None, filters: Any, limit: int
) -> dict[str, Any]:
    """A search over the text features of collections, as stages that are stored nowhere."""
    search: dict[str, Any] = {
        "type": "feature_search", "feature_extractor": {"type": "text"}, "query": query,
        "limit": limit,
    }  # fmt: skip
    if collection is not None:
        search["collection_ids"] = [collection] if isinstance(collection, str) else [*collection]
    before = [{"type": "attribute_filter", "conditions": filters}] if filters else []
    return {"stages": [*before, search], "inputs": {"query": query}}


def by_vectors(
    queries: Iterable[Mapping[str, Any]], collection: str | Sequence[str] | None,
    filters: Any, limit: int,
) -> dict[str, Any]:  # fmt: skip
    """A search by vectors of one's own, as one stage that is stored nowhere."""
    parameters = {"searches": [*map(dict, queries)], "final_top_k": limit}
    stage = {
        "stage_type": "filter",
        "config": {"stage_id": "feature_search", "parameters": parameters},
    }
    named = [collection] if isinstance(collection, str) else collection
    return given(
        stages=[stage], inputs={}, filters=filters,
        collection_identifiers=None if named is None else [*named],
    )  # fmt: skip
