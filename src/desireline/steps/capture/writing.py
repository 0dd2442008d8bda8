"""Interactions in: linked, rewarded, deduplicated, on disk, and only then acknowledged.

The order is the promise: frames enter the intake, memory learns of them, we wait for the disk, we
answer. When the disk fails, memory takes it back, so that a retry is not swallowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from desireline.core import duplicates
from desireline.core.ids import is_id, new_ids
from desireline.core.pseudonyms import as_sent, renamed_json
from desireline.errors import Invalid, StorageFull
from desireline.ports import RecentExecution, Shown, Ticket
from desireline.steps.capture.linking import Link, from_log, from_memory
from desireline.steps.capture.ports import Ports
from desireline.steps.capture.reading import rows_by_id
from desireline.steps.capture.receipts import Receipt, Result, result_of
from desireline.steps.capture.rows import SOURCE, Desk, Stamp
from desireline.steps.capture.sent import Sent, check, under
from desireline.types.log import Interaction, RejectedInteraction

_RAW_BOUND = 64 * 1024
_encode = msgspec.json.Encoder().encode
_receipt = msgspec.json.Decoder(Receipt).decode
_results = msgspec.json.Decoder(list[Result]).decode


class Taken(msgspec.Struct, gc=False):
    """One accepted row with what memory has to learn of it."""

    row: Interaction
    key: str
    execution: RecentExecution | None
    shown: Shown | None
    historical: bool


class Capture:
    """The writing half of capture, bound to its ports."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._last: Ticket | None = None

    async def create(self, namespace: str, sent: Sent, key: str = "") -> Receipt:
        """Store one interaction and wait until it is on disk. `key` is the `Idempotency-Key`.

        Raises Invalid, IntakeFull or StorageFull; then nothing was stored.
        """
        ports, now_ms = self._ports, self._ports.clock()
        first = await self._first_answer(namespace, key, now_ms) if key else None
        if first is not None:
            return first
        types = check(sent)
        sent = under(sent, namespace, ports.known_as)
        link = from_memory(ports.recent, namespace, sent, types, now_ms)
        if link.attribution == "pending":
            link = await from_log(ports.event_log, namespace, sent, now_ms, ports.read_limit_ms)
        desk = Desk(ports.live, namespace, now_ms, ports.node)
        stamp = Stamp(self._mint(now_ms, 1)[0], ports.intake.next_seq(), key)
        taken = _taken(desk, sent, types, link, stamp)
        duplicate = taken.key != "" and bool(ports.recent.seen(taken.key, now_ms))
        receipt = Receipt(taken.row, duplicate)
        accepted: list[Taken | RejectedInteraction] = [] if duplicate else [taken]
        await self._store(accepted, _Answer(namespace, key, receipt), now_ms)
        return receipt

    async def create_batch(
        self,
        namespace: str,
        sent: Iterable[Sent | Invalid],
        raw: Sequence[bytes | msgspec.Raw],
        key: str = "",
    ) -> list[Result]:
        """Store what is acceptable, each row alone; `raw` are the rows' bytes as sent.

        `sent` is best an iterator: then no more than one of them is in memory at a time.
        One result a row. Raises IntakeFull or StorageFull; then nothing was stored.
        """
        now_ms = self._ports.clock()
        first = await self._first_results(namespace, key, len(raw), now_ms) if key else None
        if first is not None:
            return first
        desk = Desk(self._ports.live, namespace, now_ms, self._ports.node)
        sorting = _Sorting(self._ports.recent.seen, now_ms)
        for index, (each, stamp) in enumerate(
            zip(sent, self._stamps(now_ms, key, len(raw)), strict=True)
        ):
            try:
                sorting.take(index, self._sorted(desk, each, stamp))
            except Invalid as error:
                kept = self._named(namespace, bytes(raw[index]))
                sorting.refuse(index, _rejected(desk, stamp, kept, error), error)
        await self._store(sorting.accepted, _Answer(namespace, key, sorting.results), now_ms)
        return sorting.results

    def _named(self, namespace: str, raw: bytes) -> bytes:
        """A refused row as it may be kept."""
        known_as = self._ports.known_as
        return raw if known_as is as_sent else renamed_json(raw, namespace, known_as)

    def _sorted(self, desk: Desk, sent: Sent | Invalid, stamp: Stamp) -> Taken:
        """One row of a batch: linked in memory only."""
        if isinstance(sent, Invalid):
            raise sent
        types = check(sent)
        sent = under(sent, desk.namespace, self._ports.known_as)
        link = from_memory(self._ports.recent, desk.namespace, sent, types, desk.now_ms)
        return _taken(desk, sent, types, link, stamp)

    def _stamps(self, now_ms: int, key: str, count: int) -> Iterator[Stamp]:
        first, name = self._ports.intake.next_seq(count), duplicates.batch_event_id
        for index, identity in enumerate(self._mint(now_ms, count)):
            yield Stamp(identity, first + index, name(key, index) if key else "")

    def _mint(self, now_ms: int, count: int) -> list[str]:
        """Ids of one moment."""
        return new_ids(now_ms, self._ports.random_bytes(10 * count))

    async def _store(
        self, accepted: Sequence[Taken | RejectedInteraction], answer: _Answer, now_ms: int
    ) -> None:
        """Intake, memory, disk, in this order."""
        if accepted:
            self._last = self._ports.intake.append([_frame(each) for each in accepted])
        taken = [each for each in accepted if isinstance(each, Taken)]
        self._learn(taken, now_ms)
        self._remember(answer, now_ms)
        self._count(len(taken), len(accepted) - len(taken), answer)
        await self._settled(taken, answer, now_ms)
        self._ports.feed.tell_all(answer.namespace, "interaction", [each.row for each in taken])
        for each in taken:  # a reward for a closed execution (a restart finds the rest)
            row = each.row
            if each.execution is not None and row.teaches_reason == "late":
                self._ports.late(each.execution, row.document_id, row.interaction_id, row.reward)

    async def _settled(self, taken: list[Taken], answer: _Answer, now_ms: int) -> None:
        """On disk; a duplicate waits for the row it repeats. A failing disk is undone in memory."""
        if self._last is None:
            return
        try:
            await self._ports.intake.synced(self._last)
        except StorageFull:
            self._last = None
            self._unlearn(taken, answer, now_ms)
            for each in taken:  # its execution may have closed with it meanwhile
                if each.row.teaches_reason == "open":
                    await self._ports.forget(each.row.interaction_id, each.row.retriever_id)
            raise

    def _learn(self, taken: Sequence[Taken], now_ms: int) -> None:
        """What memory learns of accepted rows: their keys, and what they teach."""
        keys = _keys(taken)
        if keys:
            self._ports.recent.remember(keys, duplicates.STORED, now_ms, duplicates.WINDOW_MS)
        for each in taken:
            if each.row.teaches:
                self._teach(each)

    def _teach(self, taken: Taken) -> None:
        row = taken.row
        if taken.execution is None or taken.shown is None:
            return
        if row.attribution == "client":
            taken.shown.claims[row.interaction_id] = row.feature_uri
        if row.teaches_reason == "open":
            taken.shown.rewards.append((row.interaction_id, row.reward))
        if not taken.historical:
            taken.execution.engaged = True
            self._ports.rewarded(taken.execution, row.document_id, row.interaction_id, row.reward)

    def _unlearn(self, taken: list[Taken], answer: _Answer, now_ms: int) -> None:
        """The disk failed: a retry must not find itself a duplicate."""
        self._ports.recent.remember(_keys(taken), "", now_ms, -1)
        for each in taken:
            if each.shown is not None:
                own = (each.row.interaction_id, each.row.reward)
                each.shown.rewards[:] = [pair for pair in each.shown.rewards if pair != own]
        if answer.key:
            place = duplicates.answer_key(answer.namespace, answer.key)
            self._ports.recent.remember([place], "", now_ms, -1)

    def _remember(self, answer: _Answer, now_ms: int) -> None:
        if answer.key:
            place = duplicates.answer_key(answer.namespace, answer.key)
            text = _encode(answer.said).decode()
            self._ports.recent.remember([place], text, now_ms, duplicates.ANSWERS_MS)

    def _count(self, created: int, failed: int, answer: _Answer) -> None:
        rows = len(answer.said) if isinstance(answer.said, list) else 1
        outcomes = {"created": created, "failed": failed, "deduplicated": rows - created - failed}
        for outcome, amount in outcomes.items():
            if amount:
                self._ports.metrics.count("interactions", amount, outcome=outcome)

    async def _first_answer(self, namespace: str, key: str, now_ms: int) -> Receipt | None:
        """The receipt that was given under this `Idempotency-Key`."""
        said = self._ports.recent.seen(duplicates.answer_key(namespace, key), now_ms)
        if not said or said.startswith("["):
            return None
        if self._last is not None:
            await self._ports.intake.synced(self._last)
        if not is_id(said):
            return _receipt(said)
        rows = await self._read(namespace, [said])
        return Receipt(rows[said]) if said in rows else None

    async def _first_results(
        self, namespace: str, key: str, count: int, now_ms: int
    ) -> list[Result] | None:
        """The results that were given for this batch; after a restart, rebuilt from its rows."""
        seen = self._ports.recent.seen
        said = seen(duplicates.answer_key(namespace, key), now_ms)
        if said and said.startswith("["):
            if self._last is not None:
                await self._ports.intake.synced(self._last)
            return _results(said)
        return None if said else await self._rebuilt(namespace, key, count, now_ms)

    async def _rebuilt(
        self, namespace: str, key: str, count: int, now_ms: int
    ) -> list[Result] | None:
        seen = self._ports.recent.seen
        names = (duplicates.batch_event_id(key, index) for index in range(count))
        ids = [seen(duplicates.answer_key(namespace, name), now_ms) or "" for name in names]
        if not any(ids):
            return None
        rows = await self._read(namespace, [each for each in ids if each])
        return [
            result_of(index, rows[each]) if each in rows else _not_stored(index)
            for index, each in enumerate(ids)
        ]

    async def _read(self, namespace: str, ids: Sequence[str]) -> dict[str, Interaction]:
        await self._ports.intake.flushed()
        found = await self._ports.event_log.query(
            "interactions_by_ids", namespace=namespace, interaction_ids=list(ids)
        )
        return rows_by_id(found)


class _Answer(msgspec.Struct, frozen=True):
    """What is about to be answered, remembered when the client sent a key."""

    namespace: str
    key: str
    said: Receipt | list[Result]


class _Sorting:
    """A batch while it is sorted: taken, refused, or the same act as a moment ago."""

    def __init__(self, seen: Callable[[str, int], str | None], now_ms: int) -> None:
        self.accepted: list[Taken | RejectedInteraction] = []
        self.results: list[Result] = []
        self._seen, self._now_ms = seen, now_ms
        self._keys: set[str] = set()

    def take(self, index: int, taken: Taken) -> None:
        """A row that is well: stored, unless it repeats one."""
        key = taken.key
        duplicate = key != "" and (key in self._keys or bool(self._seen(key, self._now_ms)))
        if not duplicate:
            self._keys.add(key)
            self.accepted.append(taken)
        self.results.append(result_of(index, taken.row, deduplicated=duplicate))

    def refuse(self, index: int, rejected: RejectedInteraction, error: Invalid) -> None:
        """A row that can't be taken."""
        self.accepted.append(rejected)
        message = f"{error.message} ({error.hint})" if error.hint else error.message
        self.results.append(Result(index=index, interaction_id="", status="failed", error=message))


def _taken(desk: Desk, sent: Sent, types: tuple[str, ...], link: Link, stamp: Stamp) -> Taken:
    row = desk.row(sent, types, link, stamp)
    key = "" if sent.historical else duplicates.key_of(row)
    return Taken(row, key, link.execution, link.shown, sent.historical)


def _keys(taken: Sequence[Taken]) -> list[str]:
    return [each.key for each in taken if each.key]


def _frame(accepted: Taken | RejectedInteraction) -> tuple[str, bytes]:
    if isinstance(accepted, Taken):
        return "interactions", _encode(accepted.row)
    return "rejected_interactions", _encode(accepted)


def _rejected(desk: Desk, stamp: Stamp, raw: bytes, error: Invalid) -> RejectedInteraction:
    return RejectedInteraction(
        namespace=desk.namespace,
        occurred_at=desk.now,
        received_at=desk.now,
        source=SOURCE,
        node=desk.node,
        seq=stamp.seq,
        rejected_id=stamp.identity,
        raw=raw[:_RAW_BOUND].decode("utf-8", "backslashreplace"),
        code=error.code,
        path=error.fields[0].path if error.fields else "$",
        hint=error.hint or error.message,
    )


def _not_stored(index: int) -> Result:
    """A row of a batch repeated after a restart that left nothing in the log the first time."""
    return Result(
        index=index, interaction_id="", status="failed",
        error="was not stored when this batch was sent first; send it under a new Idempotency-Key",
    )  # fmt: skip
