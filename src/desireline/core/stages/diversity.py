"""Maximal marginal relevance: documents that are good and unlike those before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.core.stages.candidates import Candidates, key_of, number_of, value_of, with_score

Floats = npt.NDArray[np.float64]
Vectors = Mapping[str, Mapping[str, Sequence[float]]]
Alike = Callable[[int], Floats]
"""(n,) how alike each candidate is to the one at a place."""


class DiversityFeature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One space in which documents are compared, and its share."""

    feature_uri: str
    weight: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0


class Mmr(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"lambda_": "lambda"},
):
    """Trade relevance against likeness to what was already taken."""

    lambda_: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="1: relevance only; 0: diversity only")
    ] = 0.7
    top_k: Annotated[int, msgspec.Meta(ge=1, le=500, description="documents kept")] = 25
    diversity_feature_uri: Annotated[
        str | None,
        msgspec.Meta(
            description="vectors that say how alike two documents are; without any of the three: "
            "the first dense search of the feature_search before"
        ),
    ] = None
    diversity_features: Annotated[
        tuple[DiversityFeature, ...], msgspec.Meta(description="several of them, with weights")
    ] = ()
    diversity_fields: Annotated[
        tuple[str, ...], msgspec.Meta(description="fields whose equal values make alike")
    ] = ()
    diversity_field_weights: Annotated[
        dict[str, float], msgspec.Meta(description="weights of the fields (equal)")
    ] = {}
    score_field: Annotated[str, msgspec.Meta(description="the relevance")] = "score"
    mmr_score_field: Annotated[
        str, msgspec.Meta(description="where the value of the formula is written")
    ] = "scores.mmr"
    similarity_metric: Annotated[
        Literal["cosine", "dot", "euclidean"],
        msgspec.Meta(description="euclidean: 1 / (1 + distance)"),
    ] = "cosine"


def features_of(how: Mmr, searched: str = "") -> tuple[DiversityFeature, ...]:
    """The spaces to compare in; `searched` is the first dense search before the stage."""
    if how.diversity_feature_uri:
        return (DiversityFeature(feature_uri=how.diversity_feature_uri),)
    if how.diversity_features or how.diversity_fields or not searched:
        return how.diversity_features
    return (DiversityFeature(feature_uri=searched),)


def mmr(
    candidates: Candidates, how: Mmr, vectors: Vectors, features: tuple[DiversityFeature, ...]
) -> Candidates:
    """The greedy order of Carbonell and Goldstein (1998, https://doi.org/10.1145/290941.291025).

    Next is the document with the largest `lambda * relevance - (1 - lambda) * likeness`: relevance
    min-max scaled to 0..1 over the candidates, likeness to the most alike document taken before.
    `vectors[feature_uri][document_id]` are the vectors; without one a document is like no other.
    Ties go to the document that stood first.
    """
    if not candidates:
        return []
    relevance = _scaled([number_of(candidate, how.score_field) or 0.0 for candidate in candidates])
    alike = likeness(candidates, how, vectors, features)
    taken, values = _greedy(relevance, alike, how)
    return [
        with_score(candidates[place], how.mmr_score_field, value)
        for place, value in zip(taken, values, strict=True)
    ]


def _scaled(values: list[float]) -> Floats:
    found = np.asarray(values)
    width = float(np.ptp(found))
    return (found - found.min()) / width if width > 0 else np.ones(len(found))


def _greedy(relevance: Floats, alike: Alike, how: Mmr) -> tuple[list[int], list[float]]:
    taken: list[int] = []
    values: list[float] = []
    nearest = np.zeros(len(relevance))
    open_ = np.ones(len(relevance), dtype=bool)
    for _ in range(min(how.top_k, len(relevance))):
        marginal = how.lambda_ * relevance - (1 - how.lambda_) * nearest
        place = int(np.argmax(np.where(open_, marginal, -np.inf)))
        taken.append(place)
        values.append(float(marginal[place]))
        open_[place] = False
        nearest = np.maximum(nearest, alike(place))
    return taken, values


def likeness(
    candidates: Candidates, how: Mmr, vectors: Vectors, features: tuple[DiversityFeature, ...]
) -> Alike:
    """How alike all candidates are to one of them: by vectors, else by the weighted share of equal
    fields. Only rows that are asked for are computed: a table of all pairs of 5,000 candidates
    would need gigabytes.
    """
    if not features:
        return _by_fields(candidates, how)
    total = sum(feature.weight for feature in features) or 1.0
    ids = [candidate.document.document_id for candidate in candidates]
    spaces = [
        (feature.weight / total, _by_vectors(vectors.get(feature.feature_uri, {}), ids, how))
        for feature in features
    ]
    return lambda place: np.sum([share * alike(place) for share, alike in spaces], axis=0)


def _by_vectors(vectors: Mapping[str, Sequence[float]], ids: list[str], how: Mmr) -> Alike:
    """In single precision, which is what an index keeps; squared lengths give distances."""
    known = np.array([document_id in vectors for document_id in ids])
    if not known.any():
        return lambda place: np.zeros(len(ids))
    rows = np.asarray([vectors[each] for each in ids if each in vectors], dtype=np.float32)
    if how.similarity_metric == "cosine":
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    matrix = np.zeros((len(ids), rows.shape[1]), dtype=np.float32)
    matrix[known] = rows
    squares = np.einsum("ij,ij->i", matrix, matrix)

    def alike(place: int) -> Floats:
        if not known[place]:
            return np.zeros(len(ids))
        inner: Floats = (matrix @ matrix[place]).astype(np.float64)
        if how.similarity_metric == "euclidean":
            distance = np.sqrt(np.maximum(squares + squares[place] - 2 * inner, 0.0))
            inner = known / (1.0 + distance)
        return inner

    return alike


def _by_fields(candidates: Candidates, how: Mmr) -> Alike:
    weights = {field: how.diversity_field_weights.get(field, 1.0) for field in how.diversity_fields}
    total = sum(weights.values()) or 1.0
    columns = [
        (weight / total, _numbered([value_of(candidate, field) for candidate in candidates]))
        for field, weight in weights.items()
    ]

    def alike(place: int) -> Floats:
        found = np.zeros(len(candidates))
        for share, numbers in columns:
            found += share * ((numbers == numbers[place]) & (numbers >= 0))
        return found

    return alike


def _numbered(values: list[Any]) -> npt.NDArray[np.intp]:
    """Equal values get the same number, none at all -1."""
    seen: dict[Any, int] = {}
    return np.array(
        [-1 if value is None else seen.setdefault(key_of(value), len(seen)) for value in values],
        dtype=np.intp,
    )
