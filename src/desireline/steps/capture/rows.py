"""From what was sent, and what it was linked to, to the row of the log.

Knows rewards and the reasons why a row teaches nothing. One `Desk` serves one request: it reads the
clock once and looks every retriever up once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from desireline.core import times
from desireline.core.ids import is_id
from desireline.core.reward import reward, rewards_of
from desireline.core.snapshot import Served
from desireline.errors import NotFound
from desireline.ports import Live
from desireline.steps.capture.linking import Link, is_foreign
from desireline.steps.capture.receipts import TEACHING
from desireline.steps.capture.sent import Sent, moment
from desireline.types.log import COUNTED, NO_ID, Interaction

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
                bare = sent.removeprefix("ret_")
                self._named[sent] = bare if is_id(bare) else sent
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
        shown, metadata = link.shown, sent.metadata or {}
        who = self._identity(sent, link)
        worth = self.reward(who.retriever_id, types, metadata.get("rating"))
        occurred_ms, future = moment(sent, self.now_ms)
        served = self.served(who.retriever_id)
        reason = link.reason or self._reason(link, who, worth)
        position = -1 if sent.position is None else sent.position
        said = metadata.get("query")
        attribution, feature_uri = _arm(sent, link, served)
        return Interaction(
            namespace=self.namespace,
            occurred_at=self.now if occurred_ms == self.now_ms else times.row_time(occurred_ms),
            received_at=self.now,
            source=SOURCE,
            node=self.node,
            seq=stamp.seq,
            user_id=who.user_id,
            session_id=who.session_id,
            attributes=_attributes(sent, who, worth, link),
            interaction_id=stamp.identity,
            client_event_id=stamp.client_event_id,
            execution_id=link.execution_id or NO_ID,
            retriever_id=who.retriever_id,
            document_id=sent.document_id,
            interaction_type=types,
            position=shown.position if shown is not None else position,
            position_as_sent=position,
            query=said if isinstance(said, str) else "",
            query_key=link.query_key,
            reward=worth,
            attribution=attribution,
            teaches_reason=reason,
            conformance=(*who.notes, "occurred_at_in_future") if future else who.notes,
            **_rest(sent, link, served, reason, feature_uri),
        )

    def _reason(self, link: Link, who: Identity, worth: float) -> str:
        """Why a linked interaction teaches (`open`, `late`), or the first thing against it."""
        execution = link.execution
        if execution is None:
            return "no_execution"
        if execution.source in _UNLEARNED:
            return _UNLEARNED[execution.source]
        if execution.purpose not in COUNTED:
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


_UNLEARNED = {"log": "log_only", "ad_hoc": "ad_hoc"}
"""Why executions from these sources teach nothing."""
_WHO = ("user_id", "session_id", "retriever_id")


def _arm(sent: Sent, link: Link, served: Served | None) -> tuple[str, str]:
    """Attribution and effective feature_uri: the log's, unless the retriever trusts its clients
    and this one named a search of the execution.
    """
    if link.shown is None or link.execution is None:
        return link.attribution, sent.feature_uri
    trusted = served is not None and served.learning.attribution == "client"
    if trusted and sent.feature_uri in link.execution.searches:
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


def _rest(
    sent: Sent, link: Link, served: Served | None, reason: str, feature_uri: str
) -> dict[str, Any]:
    """Columns that most rows leave at their default: naming them all doubles a row's price."""
    found = _details(sent.metadata) if sent.metadata else {}
    execution = link.execution
    if execution is not None:
        found["purpose"], found["variant"] = execution.purpose, execution.variant
        found["context_keys"] = execution.context_keys
        found["teaches"] = int(reason in TEACHING)
        found["feature_uri"] = feature_uri
    if served is not None:
        found["reward_map_version"] = served.rewards_version
    if sent.feature_uri:
        found["feature_uri"], found["client_feature_uri"] = feature_uri, sent.feature_uri
    if sent.document_score is not None:
        found["document_score"] = sent.document_score
    if sent.result_set_size is not None:
        found["result_set_size"] = sent.result_set_size
    return found


def _details(metadata: dict[str, Any]) -> dict[str, Any]:
    """Columns that `metadata` fills, where it holds what the column takes."""
    found: dict[str, Any] = {}
    for name in metadata.keys() & _COLUMNS.keys():
        column, fitting = _COLUMNS[name]
        value = fitting(metadata[name])
        if value is not None:
            found[column] = value
    return found


def _count(value: Any) -> int | None:
    fits = isinstance(value, int | float) and value is not True and 0 <= value <= _UINT32
    return int(value) if fits else None


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and value is not True  # its size was checked
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
