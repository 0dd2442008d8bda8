"""Retrievers as definitions: create, patch with its merge rule, delete, and what to warn about.

Knows the stored form (`core.recipe`) and the catalogue port; what is served right now is swapped
here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from desireline.core import policy, recipe
from desireline.core.recipe import SearchStage
from desireline.core.reward import rewards_of
from desireline.core.snapshot import Served
from desireline.core.times import iso
from desireline.errors import AlreadyExists, VersionConflict, invalid
from desireline.ports import Clock, RetrieverCatalog
from desireline.types.learning import LearningConfig, Rollout
from desireline.types.retriever import Collection, Retriever

# A change of these needs the lessons to be folded again.
_REFOLDING = tuple(
    name for name in LearningConfig.__struct_fields__
    if name not in ("rollout_pct", "shadow_mode", "salt", "exploration_traffic", "attribution",
                    "attribution_window_seconds", "circuit_breaker_timeout_ms", "static_fusion",
                    "context_features", "demographic_features", "min_interactions", "contrast",
                    "exploration_bonus", "exploration_decay", "exploration_floor", "min_weight",
                    "max_weight", "session_boost", "session_ttl_minutes", "reward_signal")
)  # fmt: skip


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
        stored = recipe.with_defaults(recipe.normalise(stages))
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
        """Change a retriever; stages by the merge rule. Raises Invalid, AlreadyExists,
        VersionConflict.
        """
        before = served.retriever
        stored = before.stages
        if stages is not None:
            stored = recipe.merge(before.stages, recipe.normalise(stages))
            stored = recipe.with_defaults(recipe.normalise(stored))
        compiled = recipe.compile_stages(stored)
        wanted = msgspec.structs.replace(
            before, stages=stored, updated_at=iso(self.ports.clock()), **changes
        )
        after = await self._stored(wanted, before.version)
        current = self.ports.book.by_id(before.retriever_id) or served
        swapped = msgspec.structs.replace(current, retriever=after, recipe=compiled)
        swapped = msgspec.structs.replace(swapped, rewards=rewards_of(swapped.learning))
        self.ports.book.replace(swapped)
        if _needs_refold(served, swapped):
            await self.ports.refold(before.retriever_id)
        return self.ports.book.by_id(before.retriever_id) or swapped

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
        collections = self.ports.book.collections(served.retriever.namespace)
        names = {c.collection_name for c in collections} | {c.collection_id for c in collections}
        found = list(served.recipe.warnings)
        for reference in served.retriever.collection_identifiers:
            if reference.removeprefix("col_") not in names and reference not in names:
                found.append(f"collection `{reference}` does not exist (yet)")
        known = {f.feature_uri for c in collections for f in c.features}
        for uri in served.uris:
            if uri not in known:
                listed = ", ".join(sorted(known)) or "none"
                found.append(f"no collection has registered `{uri}`; registered: {listed}")
        return found


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
                f"send inputs.{name} ({field.get('type', 'string')})",
            )  # fmt: skip
        options = field.get("enum")
        if options and name in filled and filled[name] not in options:
            raise invalid(
                f"$.inputs.{name}", "wrong_value", f"`{filled[name]}` is not allowed",
                f"one of: {', '.join(map(str, options))}",
            )  # fmt: skip
    return filled
