"""An interaction as it was sent, in our words, and what it must satisfy before it becomes a row.

Knows the rules of `retriever-api.md` 4.1; knows neither the wire's aliases nor the log.
"""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.core import magnitude, signals, times
from desireline.core.pseudonyms import KnownAs, as_sent, renamed
from desireline.errors import invalid

_TYPES: dict[tuple[str, ...] | str, tuple[str, ...]] = {}
_TYPES_BOUND = 4096


class Sent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a client said about one act ("", None: not sent); `position` as the client counts."""

    document_id: str
    interaction_type: Any
    position: int | None = None
    metadata: dict[str, Any] | None = None
    user_id: str = ""
    session_id: str = ""
    execution_id: str = ""
    retriever_id: str = ""
    query_snapshot: dict[str, Any] | None = None
    document_score: float | None = None
    result_set_size: int | None = None
    feature_uri: str = ""
    occurred_at: str = ""
    backfill: bool = False

    @property
    def historical(self) -> bool:
        """Whether it bypasses deduplication and the in-session state."""
        return self.backfill or self.occurred_at != ""


def check(sent: Sent) -> tuple[str, ...]:
    """The types, lower case, sorted, each once. Raises `errors.Invalid` with a JSON path.

    >>> check(Sent(document_id="d", interaction_type=["LONG_VIEW", "click"], position=0))
    ('click', 'long_view')
    """
    types = known(sent.interaction_type)
    if (not sent.document_id or sent.position is None) and not signals.is_query_level(types):
        raise _missing(sent)
    if sent.result_set_size == 0 and "zero_results" not in types:
        raise invalid(
            "$.result_set_size", "contradiction", "an empty result set shows nothing to act on",
            "send 0 only with interaction_type zero_results",
        )  # fmt: skip
    if sent.retriever_id and not sent.execution_id and not sent.historical:
        raise invalid(
            "$.execution_id", "required_field", "`retriever_id` is sent without `execution_id`",
            "send the execution_id of the execute answer, or occurred_at for the past",
        )  # fmt: skip
    _check_numbers(sent)
    return types


def _check_numbers(sent: Sent) -> None:
    """Those that become columns."""
    if sent.document_score is not None:
        magnitude.check(sent.document_score, "$.document_score")
    worth = sent.metadata.get("order_value") if sent.metadata else None
    if isinstance(worth, int | float) and worth is not True:
        magnitude.check(worth, "$.metadata.order_value")


def under(sent: Sent, namespace: str, known_as: KnownAs) -> Sent:
    """The same with its user under the name that the log keeps."""
    if known_as is as_sent:
        return sent
    return msgspec.structs.replace(
        sent, user_id=known_as(namespace, sent.user_id),
        metadata=sent.metadata and renamed(sent.metadata, namespace, known_as),
        query_snapshot=sent.query_snapshot and renamed(sent.query_snapshot, namespace, known_as),
    )  # fmt: skip


def known(types: Any) -> tuple[str, ...]:
    """`core.signals.check`, remembered for the few spellings that clients really use."""
    spelling = tuple(types) if isinstance(types, list) else types
    found = _TYPES.get(spelling)
    if found is None:
        found = signals.check(types, "$.interaction_type")
        if len(_TYPES) < _TYPES_BOUND:
            _TYPES[spelling] = found
    return found


def moment(sent: Sent, now_ms: int) -> tuple[int, bool]:
    """When it happened, in ms, never later than now; and whether the client said later."""
    return times.moment(sent.occurred_at, now_ms, "$.occurred_at")


def _missing(sent: Sent) -> Exception:
    if not sent.document_id:
        return invalid(
            "$.feature_id", "required_field", "`feature_id` (or `document_id`) is missing",
            "send the document_id of the execute answer; only query-level types go without",
        )  # fmt: skip
    return invalid(
        "$.position", "required_field", "`position` is missing",
        "send the 0-based place of the document in the list shown",
    )  # fmt: skip
