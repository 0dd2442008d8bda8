"""From what was sent, and what it was linked to, to the row of the log.

Knows rewards and the reasons why a row teaches nothing. One `Desk` serves one request: it reads the
clock once and looks every retriever up once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from desireline.core import times
from desireline.core.queries import query_key
from desireline.core.reward import reward, rewards_of
from desireline.core.snapshot import Served
from desireline.errors import NotFound
from desireline.ports import Live
from desireline.steps.capture.linking import Link, is_foreign
from desireline.steps.capture.sent import Sent, moment
from desireline.types.log import NO_ID, Interaction

SOURCE = "mixpeek"
_CAP = 5.0
_UINT32 = 2**32 - 1
_encode = msgspec.json.Encoder().encode


class Kept(msgspec.Struct, omit_defaults=True, gc=False):
    """What `attributes` holds of an interaction: the words of the client that have no column."""

    metadata: dict[str, Any] = {}
    query_snapshot: dict[str, Any] | None = None
    execution_id: str = ""


class Identity(msgspec.Struct, gc=False):
    """Whose act it was and on what: the execution's word before the client's."""

    user_id: str
    session_id: str
    retriever_id: str
    notes: tuple[str, ...] = ()


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What is added to a row: its id, its place in the node's order, the client's key."""

    identity: str
    seq: int
    client_event_id: str = ""


class Desk:
    """Where the rows of one request are made. `now_ms` is the arrival of all of them."""

    def __init__(self, live: Live, namespace: str, now_ms: int, node: str) -> None:
        self.namespace, self.now_ms, self.node = namespace, now_ms, node
        self.now = times.row_time(now_ms)
        self._live = live
        self._served: dict[str, Served | None] = {}
        self._standings: dict[tuple[str, str], tuple[str, frozenset[str]]] = {}
        self._named: dict[str, str] = {}
        self._rewards: dict[tuple[str, tuple[str, ...]], float] = {}

    def served(self, retriever_id: str) -> Served | None:
        """The retriever as served now."""
        if retriever_id not in self._served:
            found = self._live.by_id(retriever_id) if retriever_id else None
            self._served[retriever_id] = found
        return self._served[retriever_id]

    def retriever_id(self, sent: str) -> str:
        """The id behind an id or name as sent; as sent when there is no such retriever."""
        if sent not in self._named:
            try:
                self._named[sent] = self._live.retriever(
                    self.namespace, sent
                ).retriever.retriever_id
            except NotFound:
                self._named[sent] = sent
        return self._named[sent]

    def reward(self, retriever_id: str, types: tuple[str, ...], rating: Any) -> float:
        """What the types are worth at this retriever now (unknown: the defaults)."""
        if "rating" in types:
            number = rating if isinstance(rating, int | float) and rating is not True else None
            return self._reward(retriever_id, types, number)
        key = (retriever_id, types)
        if key not in self._rewards:
            self._rewards[key] = self._reward(retriever_id, types, None)
        return self._rewards[key]

    def _reward(self, retriever_id: str, types: Sequence[str], rating: float | None) -> float:
        served = self.served(retriever_id)
        if served is None:
            return reward(types, rewards_of(None), _CAP, rating)
        return reward(types, served.rewards, served.learning.max_reward_per_interaction, rating)

    def row(self, sent: Sent, types: tuple[str, ...], link: Link, stamp: Stamp) -> Interaction:
        """The row. Raises `errors.Invalid` for a bad time."""
        execution, shown, metadata = link.execution, link.shown, sent.metadata or {}
        who = self._identity(sent, link)
        worth = self.reward(who.retriever_id, types, metadata.get("rating"))
        occurred_ms, future = moment(sent, self.now_ms)
        served = self.served(who.retriever_id)
        reason = link.reason or self._reason(link, who, worth)
        position = -1 if sent.position is None else sent.position
        said = metadata.get("query")
        query = said if isinstance(said, str) else ""
        attribution, feature_uri = _arm(sent, link, served)
        details = _details(metadata) if metadata else _NO_DETAILS
        return Interaction(
            namespace=self.namespace,
            occurred_at=self.now if occurred_ms == self.now_ms else times.row_time(occurred_ms),
            received_at=self.now,
            source=SOURCE,
            node=self.node,
            seq=stamp.seq,
            user_id=who.user_id,
            session_id=who.session_id,
            purpose=execution.purpose if execution is not None else "traffic",
            attributes=_attributes(sent, who, worth, link),
            interaction_id=stamp.identity,
            client_event_id=stamp.client_event_id,
            execution_id=link.execution_id or NO_ID,
            retriever_id=who.retriever_id,
            document_id=sent.document_id,
            interaction_type=types,
            position=shown.position if shown is not None else position,
            position_as_sent=position,
            query=query,
            query_key=execution.query_key if execution is not None else query_key(query),
            document_score=sent.document_score,
            result_set_size=sent.result_set_size,
            reward=worth,
            reward_map_version=served.rewards_version if served is not None else 0,
            feature_uri=feature_uri,
            client_feature_uri=sent.feature_uri,
            attribution=attribution,
            teaches=int(reason in ("open", "late")),
            teaches_reason=reason,
            context_keys=execution.context_keys if execution is not None else (),
            variant=execution.variant if execution is not None else "",
            conformance=(*who.notes, "occurred_at_in_future") if future else who.notes,
            duration_ms=details.duration_ms,
            value=details.value,
            currency=details.currency,
            quantity=details.quantity,
            order_id=details.order_id,
            device=details.device,
            locale=details.locale,
            country=details.country,
        )

    def _reason(self, link: Link, who: Identity, worth: float) -> str:
        """Why a linked interaction teaches (`open`, `late`), or the first thing against it."""
        execution = link.execution
        if execution is None:
            return "no_execution"
        if execution.purpose not in ("traffic", "simulation"):
            return "not_traffic"
        refusal, silent = self._standing(who.retriever_id, execution.variant)
        if who.user_id in silent:
            refusal = "opted_out"
        if not refusal and not execution.teaches:
            refusal = "not_logged"
        if refusal or not worth:
            return refusal or "zero_reward"
        return "open" if execution.open else "late"

    def _standing(self, retriever_id: str, variant: str) -> tuple[str, frozenset[str]]:
        """Why the retriever does not learn from this variant ("": it does), and from whom never."""
        found = self._standings.get((retriever_id, variant))
        if found is None:
            found = _standing(self.served(retriever_id), variant)
            self._standings[retriever_id, variant] = found
        return found

    def _identity(self, sent: Sent, link: Link) -> Identity:
        execution = link.execution
        wanted = self.retriever_id(sent.retriever_id) if sent.retriever_id else ""
        if execution is None:
            unknown = wanted != "" and self.served(wanted) is None
            unsure = ("unknown_retriever",) if unknown else ()
            return Identity(sent.user_id, sent.session_id, wanted, unsure)
        retriever_id = execution.retriever_id
        theirs = (sent.user_id, sent.session_id, wanted or retriever_id)
        ours = (execution.user_id, execution.session_id, retriever_id)
        if theirs == ours:
            return Identity(*ours)
        notes = tuple(
            f"{name}_contradicts"
            for name, their, our in zip(_WHO, theirs, ours, strict=True)
            if their and our and their != our
        )
        return Identity(ours[0] or theirs[0], ours[1] or theirs[1], retriever_id, notes)


_WHO = ("user_id", "session_id", "retriever_id")


def _arm(sent: Sent, link: Link, served: Served | None) -> tuple[str, str]:
    """Attribution and effective feature_uri: the log's, unless the retriever trusts its clients."""
    if link.shown is None:
        return link.attribution, sent.feature_uri
    if sent.feature_uri and served is not None and served.learning.attribution == "client":
        return "client", sent.feature_uri
    return link.attribution, link.shown.winner


def _standing(served: Served | None, variant: str) -> tuple[str, frozenset[str]]:
    if served is None:
        return "retriever_deleted", frozenset()
    search = served.recipe.search
    config = search.learning if search is not None else None
    if config is None:
        return "nothing_to_learn", frozenset()
    static = config.learn_from == "served" and variant != "learned"
    silent = served.opted_out if config.opt_out_scope == "serve_and_learn" else frozenset[str]()
    return "static_traffic" if static else "", silent


def _attributes(sent: Sent, who: Identity, worth: float, link: Link) -> str:
    """The client's words without a column, and `metadata.reward_value`, as JSON."""
    metadata = {**sent.metadata} if sent.metadata else {}
    if "reward_value" in metadata and metadata["reward_value"] != worth:
        metadata["client_reward_value"] = metadata["reward_value"]
    metadata["reward_value"] = worth
    for note in who.notes:
        name, contradicts, _ = note.partition("_contradicts")
        if contradicts:
            metadata[f"client_{name}"] = getattr(sent, name)
    foreign = sent.execution_id != "" and is_foreign(sent.execution_id, link.execution_id)
    kept = Kept(metadata, sent.query_snapshot, sent.execution_id if foreign else "")
    return _encode(kept).decode()


class Details(msgspec.Struct, frozen=True, gc=False):
    """Columns that `metadata` fills, where it holds what the column takes."""

    duration_ms: int | None = None
    value: float = 0.0
    currency: str = ""
    quantity: int = 0
    order_id: str = ""
    device: str = ""
    locale: str = ""
    country: str = ""


_NO_DETAILS = Details()


def _details(metadata: dict[str, Any]) -> Details:
    found: dict[str, Any] = {}
    for name in metadata.keys() & _COLUMNS.keys():
        column, fitting = _COLUMNS[name]
        value = fitting(metadata[name])
        if value is not None:
            found[column] = value
    return Details(**found) if found else _NO_DETAILS


def _count(value: Any) -> int | None:
    fits = isinstance(value, int | float) and value is not True and 0 <= value <= _UINT32
    return int(value) if fits else None


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and value is not True and abs(value) < 1e300
    return float(value) if fits else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= 200 else None


_COLUMNS: dict[str, tuple[str, Callable[[Any], int | float | str | None]]] = {
    "duration_ms": ("duration_ms", _count),
    "order_value": ("value", _number),
    "currency": ("currency", _word),
    "quantity": ("quantity", _count),
    "order_id": ("order_id", _word),
    "device": ("device", _word),
    "locale": ("locale", _word),
    "country": ("country", _word),
}
