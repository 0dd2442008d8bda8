"""The retriever that is simulated on, as a caller sees it: what it takes, learns and reads.

Knows the stored form of its stages, clones of it, and the documents behind it; reads them through
the public client. What was made here by a simulation says so in its `metadata`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from desireline.client import ApiError, Client
from desireline.client.answers import Retriever
from desireline.client.errors import NotFound
from desireline.errors import Invalid
from desireline.simulation.people import TooFewQueries
from desireline.simulation.subjects import Subject, fields_of, subjects_of

MOST_DOCUMENTS = 10_000
PAGE = 500
COPY, BASELINE = "-simulated", "-simulation-baseline"
LONGEST_NAME = 128
MADE_BY = "simulation_of"
_INPUT = re.compile(r"\bINPUTS?\.(\w+)", re.IGNORECASE)


class NotLearned(Invalid):
    """The retriever has nothing that learns."""

    code = "not_learned"


class Target(msgspec.Struct, frozen=True):
    """A retriever with learned fusion, and the names of the inputs that it reads.

    `segment_input` is "" where it knows no segments: they are hidden from it then. `is_last`: no
    stage follows the one that learns, so what that one ranks is what is shown.
    """

    retriever: Retriever
    query_input: str
    segment_input: str
    is_last: bool = True

    @property
    def name(self) -> str:
        """Its name."""
        return self.retriever.retriever_name


def target_of(client: Client, reference: str) -> Target:
    """The retriever of that id or name. Raises NotLearned, and ApiError as the server refuses."""
    return _target(client.retrievers.get(reference))


def _target(retriever: Retriever) -> Target:
    stage = learned_stage(retriever)
    parameters = stage["config"]["parameters"]
    queries = [str(each.get("query", "")) for each in parameters.get("searches", [])]
    named = [name for query in queries for name in _INPUT.findall(query)]
    config = parameters.get("learning_config") or {}
    segments = [name.removeprefix("INPUT.") for name in config.get("demographic_features", [])]
    return Target(
        retriever, query_input=named[0] if named else "query",
        segment_input=segments[0] if segments else "", is_last=retriever.stages[-1] == stage,
    )  # fmt: skip


def learned_stage(retriever: Retriever) -> dict[str, Any]:
    """The stage that learns. Raises NotLearned."""
    for stage in retriever.stages:
        if stage["config"]["parameters"].get("fusion") == "learned":
            return dict(stage)
    name = retriever.retriever_name
    raise NotLearned(
        f"the retriever `{name}` learns nothing: no stage has the fusion `learned`",
        hint="PATCH /v1/retrievers/{id} with a feature_search stage of `fusion: learned`",
    )


def copied(client: Client, target: Target) -> Target:
    """A clone that has learned nothing and stays; one of an earlier simulation is replaced.

    Raises ApiError, also when somebody else's retriever has the name.
    """
    return _cloned(client, target, COPY)


@contextmanager
def baseline(client: Client, target: Target) -> Iterator[Target]:
    """A clone in shadow mode while the block runs: it serves the static fusion and logs what its
    own weights would have shown, which stay equal because nobody clicks there.
    """
    made = _cloned(client, target, BASELINE, shadow_mode=True)
    try:
        yield made
    finally:
        with suppress(ApiError):  # the next simulation removes it
            client.retrievers.delete(made.retriever.retriever_id)


def _cloned(client: Client, target: Target, suffix: str, **config: Any) -> Target:
    source, name = target.retriever, target.name[: LONGEST_NAME - len(suffix)] + suffix
    with suppress(NotFound):
        earlier = client.retrievers.get(name)
        if earlier.metadata.get(MADE_BY):
            client.retrievers.delete(earlier.retriever_id)
    metadata = {**source.metadata, MADE_BY: source.retriever_id}
    stages = [_with(stage, config) for stage in source.stages]
    made = client.retrievers.clone(
        source.retriever_id, retriever_name=name, stages=stages, metadata=metadata
    )
    return _target(made.retriever)


def _with(stage: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """A stage; the one that learns with changes of its configuration."""
    parameters = stage["config"]["parameters"]
    if parameters.get("fusion") != "learned" or not config:
        return stage
    learning = {**(parameters.get("learning_config") or {}), **config}
    changed = {**stage["config"], "parameters": {**parameters, "learning_config": learning}}
    return {**stage, "config": changed}


def subjects(client: Client, target: Target) -> list[Subject]:
    """The documents behind it, at most `MOST_DOCUMENTS`, by id. Raises TooFewQueries, ApiError."""
    collections = _collections(client, target.retriever)
    rows = (
        msgspec.to_builtins(document.sent)
        for name in collections
        for document in client.documents.list(name, page_size=PAGE)
    )
    documents = list(itertools.islice(rows, MOST_DOCUMENTS))
    fields = fields_of(documents, _text_fields(client, collections, target.retriever))
    if not documents:
        raise TooFewQueries(
            f"no documents to make queries of: the collections of `{target.name}` are empty",
            hint="import some with `desireline import documents`",
        )
    if fields is None:
        raise TooFewQueries(
            f"no text to make queries of: the features of `{target.name}` read no text field that"
            " half of its documents have",
            hint="register a lexical feature over the fields that people search in",
        )
    return subjects_of(documents, fields)


def _collections(client: Client, retriever: Retriever) -> list[str]:
    named = list(retriever.collection_identifiers)
    return named or [each.collection_id for each in client.collections.list()]


def _text_fields(client: Client, collections: list[str], retriever: Retriever) -> list[str]:
    """The fields that its searches read, in the order of the searches; all, if it names none."""
    searches = learned_stage(retriever)["config"]["parameters"].get("searches", [])
    wanted = [each.get("feature_uri") for each in searches]
    features = [dict(f) for name in collections for f in client.collections.get(name).features]
    used = [each for each in features if each.get("feature_uri") in wanted] or features
    return [field for each in used for field in each.get("fields") or ()]
