"""Further pages of an execution: which one goes on, behind which document.

A page is cut out of the ranking computed again under the decision of its execution. Knows what is
remembered of executions; searches nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from desireline.core.snapshot import Served
from desireline.errors import Invalid, invalid
from desireline.ports import RecentExecution, RecentExecutions
from desireline.steps.serve.request import Answer, Place, Request

T = TypeVar("T")
DEEPEST = 10_000
HOME = 8  # hex digits of a mark that name the retriever and its version
_encode = msgspec.json.Encoder(order="deterministic").encode

ANEW = (
    "weights are drawn anew for every page by number of somebody unknown: send a session_id, or go "
    "on with pagination.next_cursor"
)


def mark_of(served: Served, request: Request) -> str:
    """What is asked, and of which retriever: equal marks give equal rankings, given equal weights.

    8 hex name the retriever and its version, 16 the inputs and filters.
    """
    retriever = served.retriever
    home = f"{retriever.namespace}\0{retriever.retriever_id}\0{retriever.version}".encode()
    asked = _encode((request.inputs, request.filters))
    return (
        hashlib.blake2b(home, digest_size=HOME // 2).hexdigest()
        + hashlib.blake2b(asked, digest_size=8).hexdigest()
    )


class Going(msgspec.Struct, frozen=True):
    """The execution that goes on: its id, and what is remembered (None: it was a listing)."""

    execution_id: str
    kept: RecentExecution | None = None


def going_on(
    recent: RecentExecutions, served: Served, request: Request, mark: str, now_ms: int
) -> Going | None:
    """The execution this request is a further page of; None begins one.

    Raises Invalid: `cursor_mismatch` when something else is asked, `cursor_expired` when its
    ranking can't be made again.
    """
    if request.behind is not None:
        return _behind(recent, served, request, mark, now_ms)
    who = request.session_id or request.user_id
    if not (request.offset and who):
        return None
    last = recent.last_of(served.retriever.retriever_id, who)
    same = last is not None and last.mark == mark and last.source == request.source
    return Going(last.execution_id, last) if last is not None and same else None


def _behind(
    recent: RecentExecutions, served: Served, request: Request, mark: str, now_ms: int
) -> Going:
    place = request.behind
    assert place is not None
    if place.mark[:HOME] != mark[:HOME]:
        raise _expired(place, "the retriever changed meanwhile, or it was of another one")
    if place.until_ms and now_ms >= place.until_ms:
        raise _expired(place, "its time is over")
    if served.recipe.search is None:
        kept = None
    else:
        kept = recent.get(place.execution_id)
        if kept is None or not _is_again(kept, served, request):
            raise _expired(place, "its execution is not remembered any more")
    if place.mark != mark:
        raise invalid(
            place.path, "cursor_mismatch", "the page before was asked with other inputs or filters",
            "send the inputs and filters of the first page again",
        )  # fmt: skip
    return Going(place.execution_id, kept)


def _is_again(kept: RecentExecution, served: Served, request: Request) -> bool:
    """Whether all is known that decided the ranking, and it was made by this retriever here."""
    ours = (served.retriever.namespace, served.retriever.retriever_id, request.source, served.uris)
    theirs = (kept.namespace, kept.retriever_id, kept.source, kept.searches)
    search = served.recipe.search
    drawn = search is not None and search.fusion == "learned"
    return ours == theirs and not (drawn and kept.weights is None)


def _expired(place: Place, why: str) -> Invalid:
    return invalid(
        place.path, "cursor_expired", f"this place can't be gone on from: {why}",
        "ask for the first page again, without it",
    )  # fmt: skip


def cut(
    found: Sequence[T], request: Request, seen: frozenset[str], name: Callable[[T], str]
) -> tuple[Sequence[T], int]:
    """The page, and how many there are with those of the pages before.

    What earlier pages showed (`seen`) is taken out first: no document comes twice, whatever became
    of the index meanwhile.

    >>> cut("abcdef", Request(namespace="n", inputs={}, offset=2, limit=2), frozenset("ab"), str)
    (['c', 'd'], 6)
    >>> cut("bacdef", Request(namespace="n", inputs={}, offset=2, limit=2), frozenset("xb"), str)
    (['a', 'c'], 7)
    """
    first, size = request.offset, request.limit or len(found)
    if not seen:
        return found[first : first + size], len(found)
    rest = [each for each in found if name(each) not in seen]
    gone = len(seen) - (len(found) - len(rest))
    start = first - len(seen)
    return rest[start : start + size], len(found) + gone


def seen_before(going: Going | None, offset: int) -> frozenset[str]:
    """The documents that pages before this offset showed."""
    shown = going.kept.shown if going is not None and going.kept is not None else ()
    return frozenset(each.document_id for each in shown if each.position < offset)


def next_place(answer: Answer) -> Place | None:
    """Where the page behind an answer begins; None at the end, and for foreign engines."""
    behind = answer.request.offset + len(answer.shown)
    if not (answer.shown and answer.mark and answer.total > behind <= DEEPEST):
        return None
    return Place(execution_id=answer.execution_id, offset=behind, mark=answer.mark)
