"""Retrievers as definitions: create, patch with its merge rule, delete, and what to warn about.

Knows the stored form (`core.recipe`) and the catalogue port; what is served right now is swapped
here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from desireline.core import policy, recipe
from desireline.core.ids import derived_id
from desireline.core.recipe import SearchStage
from desireline.core.reward import rewards_of
from desireline.core.snapshot import Served
from desireline.core.templates import came
from desireline.core.times import iso
from desireline.errors import AlreadyExists, NotFound, VersionConflict, invalid, not_available
from desireline.ports import Clock, RetrieverCatalog
from desireline.types.learning import LearningConfig, Rollout
from desireline.types.retriever import Collection, Feature, Retriever

# A change of these needs the lessons to be folded again.
_REFOLDING = tuple(
    name for name in LearningConfig.__struct_fields__
    if name not in ("rollout_pct", "shadow_mode", "salt", "exploration_traffic", "attribution",
                    "attribution_window_seconds", "circuit_breaker_timeout_ms", "static_fusion",
                    "context_features", "demographic_features", "min_interactions", "contrast",
                    "exploration_bonus", "exploration_decay", "exploration_floor", "min_weight",
                    "max_weight", "session_boost", "session_ttl_minutes", "reward_signal")
)  # fmt: skip


AD_HOC = "ad_hoc"
ONLY_FIELDS = (
    "field searches only rank what others find, so this retriever finds nothing;"
    " add a lexical or dense search"
)
ONE_SEARCH = "fusion `learned` with one search has nothing to learn: it always has all the weight"


class Book(Protocol):
    """The in-memory mirror."""

    def retriever(self, namespace: str, id_or_name: str) -> Served:
        """Raises `errors.NotFound`."""

    def retrievers(self, namespace: str = "") -> list[Served]:
        """All of a namespace."""

    def by_id(self, retriever_id: str) -> Served | None:
        """Of any namespace."""

    def replace(self, served: Served) -> None:
        """Swap or add."""

    def remove(self, retriever_id: str) -> None:
        """Forget."""

    def collections(self, namespace: str) -> Sequence[Collection]:
        """All of a namespace."""

    def collection(self, namespace: str, id_or_name: str) -> Collection:
        """Raises `errors.NotFound`."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What retrievers are bound to; `refold(retriever_id)` re-learns under a changed
    configuration.
    """

    catalog: RetrieverCatalog
    book: Book
    clock: Clock
    mint: Callable[[], str]
    refold: Callable[[str], Awaitable[None]]


class Retrievers:
    """Definitions of retrievers."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    async def create(
        self, namespace: str, name: str, stages: list[dict[str, Any]], **more: Any
    ) -> Served:
        """A new retriever. Raises AlreadyExists, Invalid."""
        registered = self.registered(namespace, more.get("collection_identifiers", ()))
        stored = recipe.with_defaults(recipe.normalise(stages, registered=registered))
        compiled = recipe.compile_stages(stored)
        if any(s.retriever.retriever_name == name for s in self.ports.book.retrievers(namespace)):
            raise AlreadyExists(
                f"a retriever named `{name}` exists", code="retriever_name_taken",
                hint="choose another name, or PATCH the existing one", details={"name": name},
            )  # fmt: skip
        now = iso(self.ports.clock())
        retriever = Retriever(
            retriever_id=self.ports.mint(), retriever_name=name, namespace=namespace, stages=stored,
            created_at=now, updated_at=now, **more,
        )  # fmt: skip
        await self.ports.catalog.create(retriever)
        served = new_served(retriever, compiled)
        self.ports.book.replace(served)
        return served

    async def patch(
        self, served: Served, stages: list[dict[str, Any]] | None, changes: dict[str, Any]
    ) -> Served:
        """Change a retriever; stages by the merge rule. What changes nothing makes no version.

        Raises Invalid, AlreadyExists, VersionConflict.
        """
        before = served.retriever
        stored = before.stages
        if stages is not None:
            _check_unpublished(served)
            stored = recipe.with_defaults(recipe.normalise(self.merged(before, stages)))
        compiled = recipe.compile_stages(stored)
        changed = msgspec.structs.replace(before, stages=stored, **changes)
        if _as_json(changed) == _as_json(before):
            return served
        wanted = msgspec.structs.replace(changed, updated_at=iso(self.ports.clock()))
        after = await self._stored(wanted, before.version)
        current = self.ports.book.by_id(before.retriever_id)
        if current is None:  # it must not come back
            raise NotFound(
                "the retriever was deleted meanwhile", code="retriever_not_found",
                hint="see GET /v1/retrievers",
            )  # fmt: skip
        swapped = msgspec.structs.replace(current, retriever=after, recipe=compiled)
        swapped = msgspec.structs.replace(swapped, rewards=rewards_of(swapped.learning))
        self.ports.book.replace(swapped)
        if _needs_refold(served, swapped):
            await self.ports.refold(before.retriever_id)
        return self.ports.book.by_id(before.retriever_id) or swapped

    def ad_hoc(
        self, namespace: str, stages: list[dict[str, Any]], identifiers: Sequence[str],
        schema: dict[str, Any] | None, literal: str | None,
    ) -> Served:  # fmt: skip
        """A retriever of the moment, stored nowhere; equal ones have equal ids.

        `literal` is a query that stages may repeat: braces in it are text. Raises Invalid, NotFound
        for a collection.
        """
        named = self._ids(namespace, identifiers)
        stages = [self._targeted(namespace, stage) for stage in stages]
        inside = next((_targets(each) for each in stages if _targets(each)), [])
        registered = self.registered(namespace, inside or named)
        stored = recipe.normalise(stages, registered=registered, literal=literal)
        compiled = recipe.compile_stages(stored)
        _check_unlearned(compiled)
        identity = msgspec.json.encode((stored, named), order="deterministic").decode()
        retriever = Retriever(
            retriever_id=derived_id(AD_HOC, namespace, identity), retriever_name=AD_HOC,
            namespace=namespace, stages=stored, collection_identifiers=named, input_schema=schema,
        )  # fmt: skip
        return new_served(retriever, compiled)

    def _ids(self, namespace: str, identifiers: Sequence[str]) -> tuple[str, ...]:
        found = (self.ports.book.collection(namespace, each) for each in identifiers)
        return tuple(each.collection_id for each in found)

    def _targeted(self, namespace: str, stage: dict[str, Any]) -> dict[str, Any]:
        """A short form with the collections it names as ids; none means all."""
        named = _targets(stage)
        if named is None:
            return stage
        rest = {name: value for name, value in stage.items() if name != "collection_ids"}
        return rest | ({"collection_ids": [*self._ids(namespace, named)]} if named else {})

    def merged(self, before: Retriever, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The stages of a retriever after a PATCH of them, in the stored form."""
        registered = self.registered(before.namespace, before.collection_identifiers)
        return recipe.merge(before.stages, recipe.normalise(stages, registered=registered))

    def registered(self, namespace: str, identifiers: Sequence[str]) -> recipe.Registered:
        """What stages that name no feature search: the features of these collections (all)."""
        return recipe.Registered(tuple(self.ports.book.collections(namespace)), tuple(identifiers))

    def _features(self, namespace: str, identifiers: Sequence[str]) -> list[Feature]:
        """The features of these collections (of all, where none is named)."""
        named = {*identifiers, *(each.removeprefix("col_") for each in identifiers)}
        return [
            feature
            for each in self.ports.book.collections(namespace)
            if not named or each.collection_name in named or each.collection_id in named
            for feature in each.features
        ]

    def _absent(self, namespace: str, identifiers: Sequence[str]) -> list[str]:
        """Which of these name no collection."""
        collections = self.ports.book.collections(namespace)
        names = {c.collection_name for c in collections} | {c.collection_id for c in collections}
        return [
            each for each in identifiers
            if each not in names and each.removeprefix("col_") not in names
        ]  # fmt: skip

    async def _stored(self, wanted: Retriever, version: int) -> Retriever:
        try:
            return await self.ports.catalog.update(wanted, expected_version=version)
        except VersionConflict as error:
            raise VersionConflict(
                error.message, hint="read the retriever again and repeat the PATCH",
                details=error.details,
            ) from error  # fmt: skip

    async def delete(self, served: Served) -> None:
        """Gone from serving; its log and versions stay."""
        retriever = served.retriever
        await self.ports.catalog.delete(retriever.namespace, retriever.retriever_id)
        self.ports.book.remove(retriever.retriever_id)

    async def versions(self, served: Served) -> list[Retriever]:
        """All versions, newest first."""
        retriever = served.retriever
        found = await self.ports.catalog.versions(retriever.namespace, retriever.retriever_id)
        return sorted(found, key=lambda each: -each.version)

    def warnings(self, served: Served) -> list[str]:
        """What the author should know: unregistered features, unknown collections, idle
        settings.
        """
        named = served.retriever.namespace, served.retriever.collection_identifiers
        features = self._features(*named)
        found = list(served.recipe.warnings)
        found += [f"collection `{each}` does not exist (yet)" for each in self._absent(*named)]
        known = {feature.feature_uri: feature.kind for feature in features}
        owner = "collection of this retriever" if named[1] else "collection"
        for uri in served.uris:
            if uri not in known:
                listed = ", ".join(sorted(known)) or "none"
                found.append(f"no {owner} has registered `{uri}`; registered: {listed}")
        return [*found, *_poor(served, [known.get(uri, "") for uri in served.uris])]


def _poor(served: Served, kinds: Sequence[str]) -> list[str]:
    """What searches of these kinds can't do."""
    found, search = [], served.recipe.search
    if kinds and all(kind == "field" for kind in kinds):
        found.append(ONLY_FIELDS)
    if search is not None and search.fusion == "learned" and len(search.searches) == 1:
        found.append(ONE_SEARCH)
    return found


def _targets(stage: dict[str, Any]) -> list[str] | None:
    """The collections that a short form names; None where it names none, or not properly."""
    named = stage.get("collection_ids") if "type" in stage else None
    is_list = isinstance(named, list) and all(isinstance(each, str) for each in named)
    return named if is_list else None


def _check_unlearned(compiled: recipe.Recipe) -> None:
    """What is stored nowhere has nobody to learn for."""
    for place, stage in enumerate(compiled.stages):
        if isinstance(stage, SearchStage) and stage.fusion == "learned":
            raise not_available(
                f"$.stages[{place}].config.parameters.fusion",
                "fusion `learned` needs a stored retriever: an ad hoc search learns nothing",
                "create a retriever (POST /v1/retrievers), or choose rrf, dbsf, weighted or max",
            )  # fmt: skip


def _check_unpublished(served: Served) -> None:
    """Strangers run what is published: its stages stay as they are."""
    if served.publication is not None:
        raise invalid(
            "$.stages", "published",
            f"the retriever is published as `{served.publication.public_name}`: its stages stay",
            "change a clone (POST …/clone) and publish that, or DELETE …/publish first",
        )  # fmt: skip


def new_served(
    retriever: Retriever, compiled: recipe.Recipe | None = None,
    rollout: Rollout | None = None, opted_out: frozenset[str] = frozenset(),
) -> Served:  # fmt: skip
    """A `Served` that has learned nothing yet."""
    served = Served(
        retriever=retriever,
        recipe=compiled or recipe.compile_stages(retriever.stages),
        rollout=rollout or Rollout(),
        opted_out=opted_out,
        state=policy.State(),
        generation=0,
        snapshot_id=0,
        rewards={},
    )
    return msgspec.structs.replace(served, rewards=rewards_of(served.learning))


def _as_json(retriever: Retriever) -> Any:
    """To compare definitions: whether lists are tuples in memory makes no difference."""
    return msgspec.json.decode(msgspec.json.encode(retriever))


def _needs_refold(before: Served, after: Served) -> bool:
    old, new = before.recipe.search, after.recipe.search
    if not isinstance(old, SearchStage) or not isinstance(new, SearchStage):
        return False
    if before.uris != after.uris:
        return True
    return any(getattr(before.learning, n) != getattr(after.learning, n) for n in _REFOLDING)


def required_inputs(retriever: Retriever, inputs: dict[str, Any]) -> dict[str, Any]:
    """Inputs with the schema's defaults; raises Invalid for a missing or wrong one."""
    if not retriever.input_schema:
        return inputs
    filled = dict(inputs)
    for name, field in retriever.input_schema.items():
        if name not in filled and field.get("default") is not None:
            filled[name] = field["default"]
        if field.get("required") and filled.get(name) in (None, ""):
            raise invalid(
                f"$.inputs.{name}", "missing_input", f"the input `{name}` is required",
                f"send inputs.{name} ({field.get('type', 'string')}); {came(inputs)}",
            )  # fmt: skip
        options = field.get("enum")
        if options and name in filled and filled[name] not in options:
            raise invalid(
                f"$.inputs.{name}", "wrong_value", f"`{filled[name]}` is not allowed",
                f"one of: {', '.join(map(str, options))}",
            )  # fmt: skip
    return filled
