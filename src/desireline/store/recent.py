"""The last hour in memory: executions, deduplication keys, idempotent answers; bounded (`ports`).

Receipts are written from it without a database read. Two bounds hold at once: an execution is
forgotten `window_ms` after it was served (an open one not before its own window ended), and the
oldest go when all together exceed `memory_bytes`. An open execution is never dropped silently: one
that has to go early is the first that `due` hands out. Every operation is O(1) in the number of
executions remembered, O(log n) where a deadline is queued.

Times come with the calls; executions are added in the order in which they were served. It knows
neither the log it is rebuilt from nor what closing an execution means.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

import msgspec

from desireline.ports import RecentExecution, Shown

WINDOW_MS = 60 * 60_000
MEMORY_BYTES = 64 << 20
KEYS_BYTES = 128 << 20

# Measured with tracemalloc on CPython 3.11 (tests/store/test_recent.py holds the estimate to it).
_EXECUTION_BYTES = 1500
_SHOWN_BYTES = 640
_NUMBER_BYTES = 32
_KEY_BYTES = 120
_SLICE_BYTES = 200
_SALT = "\x1e"
_FIRST = -1


class RecentMemory:
    """One process's memory of the last hour (`ports.RecentExecutions`); used by one thread."""

    def __init__(
        self,
        window_ms: int = WINDOW_MS,
        memory_bytes: int = MEMORY_BYTES,
        keys_bytes: int = KEYS_BYTES,
    ) -> None:
        self._window_ms = window_ms
        self._memory_bytes = memory_bytes
        self._bytes = 0
        # A plain dict would not find its oldest entry in constant time.
        self._executions: OrderedDict[str, RecentExecution] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._shown: dict[int, RecentExecution] = {}
        self._subjects: dict[tuple[str, str], RecentExecution] = {}
        self._sessions: dict[tuple[str, str, str], RecentExecution] = {}
        self._closing = _Closing()
        self._expiring: list[tuple[int, str]] = []
        self._keys = _Keys(keys_bytes)

    def __len__(self) -> int:
        return len(self._executions)

    @property
    def memory_bytes(self) -> int:
        """What the executions remembered take, estimated."""
        return self._bytes

    def add(self, execution: RecentExecution) -> None:
        """Remember; the same session's older open execution of that retriever becomes due."""
        if execution.execution_id in self._executions:
            self._drop(self._executions[execution.execution_id])
        self._supersede(execution)
        self._executions[execution.execution_id] = execution
        self._subjects[execution.retriever_id, execution.subject] = execution
        self._note_shown(execution, execution.shown)
        self._count(execution)
        if execution.open:
            self._closing.put(execution, execution.closes_at_ms)
        self._forget_old(execution.at_ms)

    def get(self, execution_id: str) -> RecentExecution | None:
        """By id (32 hex); None when unknown or forgotten."""
        return self._executions.get(execution_id)

    def extend(self, execution: RecentExecution, shown: Sequence[Shown]) -> None:
        """A further page: what was not shown yet, by position. What is forgotten stays so."""
        if self._executions.get(execution.execution_id) is not execution:
            return
        known = {each.document_id for each in execution.shown}
        added = [each for each in shown if each.document_id not in known]
        execution.shown = sorted([*execution.shown, *added], key=lambda each: each.position)
        self._note_shown(execution, added)
        grown = size_of(execution) - self._sizes[execution.execution_id]
        self._sizes[execution.execution_id] += grown
        self._bytes += grown

    def last_shown(
        self, namespace: str, visitor: str, document_id: str, query_key: str, since_ms: int
    ) -> RecentExecution | None:
        """The latest execution since then that showed the document to this session or user.

        `query_key` narrows it to one query; "" takes any.
        """
        found = self._shown.get(hash((namespace, visitor, document_id, query_key)))
        if found is None or found.at_ms < since_ms or found.namespace != namespace:
            return None
        # Places are 64-bit hashes (an eighth of the memory of the words): make sure.
        is_theirs = visitor in (found.session_id, found.user_id)
        is_query = query_key in ("", found.query_key)
        is_there = any(shown.document_id == document_id for shown in found.shown)
        return found if is_theirs and is_query and is_there else None

    def last_of(self, retriever_id: str, subject: str) -> RecentExecution | None:
        """The subject's latest execution on this retriever."""
        return self._subjects.get((retriever_id, subject))

    def unpin(self, retriever_id: str, user_id: str) -> None:
        """The user's executions no longer decide the weights of the next one (O(n), rare)."""
        for (retriever, _), execution in self._subjects.items():
            if retriever == retriever_id and execution.user_id == user_id:
                execution.engaged = True

    def due(self, now_ms: int, *, everything: bool = False) -> list[RecentExecution]:
        """Open executions whose window ended (or all), in closing order.

        Each is handed out again by every call until its `open` is False: whoever closes it sets
        that after its lesson is in the intake, so a refused append loses nothing.
        """
        self._forget_old(now_ms)
        return self._closing.due(now_ms, everything=everything)

    def open_of(self, retriever_id: str) -> int:
        """How many executions of a retriever are open (O(n), rare)."""
        return sum(
            execution.open and execution.retriever_id == retriever_id
            for execution in self._executions.values()
        )

    def seen(self, key: str, now_ms: int) -> str | None:
        """What was remembered under a key, while it is fresh."""
        return self._keys.get(key, now_ms)

    def remember(self, keys: Sequence[str], value: str, now_ms: int, keep_ms: int) -> None:
        """Remember a value under each key for `keep_ms`; a negative time forgets the keys."""
        self._keys.put(keys, value, now_ms, keep_ms)

    def _note_shown(self, execution: RecentExecution, shown: Iterable[Shown]) -> None:
        for place in _places(execution, shown):
            before = self._shown.get(place)
            if before is None or _age(before) <= _age(execution):
                self._shown[place] = execution

    def _supersede(self, execution: RecentExecution) -> None:
        if not execution.session_id:
            return
        visit = (execution.namespace, execution.retriever_id, execution.session_id)
        before = self._sessions.get(visit)
        if before is not None and before.at_ms > execution.at_ms:
            return  # a past one, logged later
        if before is not None and before.open:
            self._closing.put(before, min(before.closes_at_ms, execution.at_ms))
        self._sessions[visit] = execution

    def _count(self, execution: RecentExecution) -> None:
        size = size_of(execution)
        self._sizes[execution.execution_id] = size
        self._bytes += size
        self._expire_at(execution, execution.at_ms + self._window_ms)

    def _expire_at(self, execution: RecentExecution, at_ms: int) -> None:
        heappush(self._expiring, (at_ms, execution.execution_id))

    def _forget_old(self, now_ms: int) -> None:
        while self._expiring and self._expiring[0][0] < now_ms:
            found = self._executions.get(heappop(self._expiring)[1])
            if found is not None:
                self._expire(found, now_ms)
        while self._bytes > self._memory_bytes and len(self._executions) > 1:
            self._evict(next(iter(self._executions.values())))

    def _expire(self, execution: RecentExecution, now_ms: int) -> None:
        last_ms = execution.at_ms + self._window_ms
        if execution.open:
            last_ms = max(last_ms, execution.closes_at_ms)
        if last_ms < now_ms:
            self._drop(execution)  # if open, it is due by its own time and waits there
        else:
            self._expire_at(execution, last_ms)

    def _evict(self, execution: RecentExecution) -> None:
        if execution.open:
            self._closing.put(execution, _FIRST)
        self._drop(execution)

    def _drop(self, execution: RecentExecution) -> None:
        del self._executions[execution.execution_id]
        self._bytes -= self._sizes.pop(execution.execution_id)
        for place in _places(execution, execution.shown):
            if self._shown.get(place) is execution:
                del self._shown[place]
        subject = (execution.retriever_id, execution.subject)
        if self._subjects.get(subject) is execution:
            del self._subjects[subject]
        visit = (execution.namespace, execution.retriever_id, execution.session_id)
        if self._sessions.get(visit) is execution:
            del self._sessions[visit]


def size_of(execution: RecentExecution) -> int:
    """About how many bytes an execution and its entries in the memory take."""
    searches = len(execution.searches)
    drawn = getattr(execution.draws, "nbytes", 0)
    shown = _SHOWN_BYTES + 2 * searches * _NUMBER_BYTES
    return int(_EXECUTION_BYTES + drawn + len(execution.shown) * shown)


def _age(execution: RecentExecution) -> tuple[int, str]:
    """In which order executions were served; within a millisecond the same after a restart."""
    return execution.at_ms, execution.execution_id


class _Closing:
    """Open executions by the time at which they are due; ties in the order they were put."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, RecentExecution]] = []
        self._deadlines: dict[str, int] = {}
        self._due: dict[str, RecentExecution] = {}
        self._puts = 0

    def put(self, execution: RecentExecution, at_ms: int) -> None:
        """Queue, or move to an earlier time (the later entry is skipped when its time comes)."""
        known = self._deadlines.get(execution.execution_id)
        if execution.execution_id in self._due or (known is not None and known <= at_ms):
            return
        self._puts += 1
        self._deadlines[execution.execution_id] = at_ms
        heappush(self._queue, (at_ms, self._puts, execution))

    def due(self, now_ms: int, *, everything: bool) -> list[RecentExecution]:
        """Those that are due and open; the closed are let go."""
        while self._queue and (everything or self._queue[0][0] <= now_ms):
            at_ms, _, execution = heappop(self._queue)
            if self._deadlines.get(execution.execution_id) == at_ms:
                del self._deadlines[execution.execution_id]
                self._due[execution.execution_id] = execution
        self._due = {name: execution for name, execution in self._due.items() if execution.open}
        return list(self._due.values())


class _Slice(msgspec.Struct):
    """Keys that expire together and say the same."""

    until_ms: int
    value: str
    digests: list[int] = []


class _Keys:
    """Values under keys, each for a time, bounded per length of time.

    A key is held as 128 bits of it (no two will ever meet), and keys of one millisecond with one
    value share all else. Slices kept equally long expire in the order they came, and a flood of
    five-minute keys cannot push out answers that are kept for longer. A key that was put again is
    in two slices: the newer one counts.
    """

    def __init__(self, bytes_each: int) -> None:
        self._bytes_each = bytes_each
        self._kept: dict[int, _Slice] = {}
        self._queues: dict[int, deque[_Slice]] = {}
        self._bytes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str, now_ms: int) -> str | None:
        found = self._kept.get(_digest(key))
        return found.value if found is not None and now_ms < found.until_ms else None

    def put(self, keys: Sequence[str], value: str, now_ms: int, keep_ms: int) -> None:
        digests = [_digest(key) for key in keys]
        if keep_ms <= 0:
            for digest in digests:
                self._kept.pop(digest, None)
            return
        queue = self._queues.get(keep_ms)
        if queue is None:
            queue = self._queues[keep_ms] = deque()
            self._bytes[keep_ms] = 0
        newest = queue[-1] if queue else None
        if newest is None or newest.until_ms != now_ms + keep_ms or newest.value != value:
            newest = self._begin(queue, value, now_ms, keep_ms)
        newest.digests += digests
        self._kept.update(dict.fromkeys(digests, newest))
        self._bytes[keep_ms] += _KEY_BYTES * len(digests)

    def _begin(self, queue: deque[_Slice], value: str, now_ms: int, keep_ms: int) -> _Slice:
        """A new slice; those past their time go, then those beyond the bound."""
        while queue and (queue[0].until_ms <= now_ms or self._bytes[keep_ms] > self._bytes_each):
            oldest = queue.popleft()
            self._bytes[keep_ms] -= _cost(oldest)
            for digest in oldest.digests:
                if self._kept.get(digest) is oldest:
                    del self._kept[digest]
        begun = _Slice(now_ms + keep_ms, value)
        queue.append(begun)
        self._bytes[keep_ms] += _cost(begun)
        return begun


def _cost(kept: _Slice) -> int:
    return _SLICE_BYTES + len(kept.value) + _KEY_BYTES * len(kept.digests)


def _digest(key: str) -> int:
    """128 bits of a key; another process makes others of it."""
    return hash(key) << 64 ^ hash(_SALT + key)


def _places(execution: RecentExecution, shown: Iterable[Shown]) -> Iterator[int]:
    """Where `last_shown` finds it: visitor x document, with its query and with any."""
    visitors = {visitor for visitor in (execution.session_id, execution.user_id) if visitor}
    for each in shown:
        for visitor in visitors:
            yield _place(execution, visitor, each, "")
            if execution.query_key:
                yield _place(execution, visitor, each, execution.query_key)


def _place(execution: RecentExecution, visitor: str, shown: Shown, query_key: str) -> int:
    return hash((execution.namespace, visitor, shown.document_id, query_key))
