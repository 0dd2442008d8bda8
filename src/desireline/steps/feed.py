"""What just happened, for those who watch: a ring a namespace, a bounded queue a listener.

Knows no wire shape: who shows a happening keeps its bytes in `said`, so that it is written once for
all listeners. One process's memory, one thread; nothing of it survives a restart.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from desireline.errors import TooManyRequests
from desireline.ports import Clock
from desireline.types.happenings import Kind
from desireline.types.log import COUNTED

KEPT = 100
NAMESPACES = 32
LISTENERS = 64
AT_ONCE = 50
_LATEST = {"task": "task_id", "weights": "retriever_id"}


class Happening(msgspec.Struct, gc=False):
    """Something that happened, noted at `at_ms`."""

    kind: Kind
    at_ms: int
    what: Any
    said: bytes = b""


class Listener:
    """Someone who watches a namespace. `kinds` and `retriever_id` ("": any) say what of it.

    What does not fit in is lost and counted: at most `AT_ONCE` wait, the newest.
    """

    def __init__(self, namespace: str, retriever_id: str = "", kinds: Collection[str] = ()) -> None:
        self.namespace, self.retriever_id, self.kinds = namespace, retriever_id, frozenset(kinds)
        self._waiting: deque[Happening] = deque(maxlen=AT_ONCE)
        self._lost = 0
        self._ended = False
        self._something = asyncio.Event()

    def wants(self, happening: Happening) -> bool:
        """Whether it is one of those watched."""
        if self.kinds and happening.kind not in self.kinds:
            return False
        return not self.retriever_id or retriever_of(happening) == self.retriever_id

    def hear(self, happening: Happening) -> None:
        """It waits to be taken."""
        if self.wants(happening):
            self._lost += len(self._waiting) == AT_ONCE
            self._waiting.append(happening)
            self._something.set()

    async def wait(self) -> bool:
        """Until something waits; False when nothing more will come."""
        await self._something.wait()
        return not self._ended

    def take(self) -> tuple[list[Happening], int]:
        """What waits, oldest first, and how many were left out since the last time."""
        found, lost = list(self._waiting), self._lost
        self._waiting.clear()
        self._lost = 0
        if not self._ended:
            self._something.clear()
        return _latest_weights(found), lost

    def forget(self, is_gone: Callable[[Happening], bool]) -> None:
        """What is gone waits no longer."""
        kept = [each for each in self._waiting if not is_gone(each)]
        self._waiting.clear()
        self._waiting.extend(kept)

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._something.set()


class Feed:
    """Implements the port `Feed`; `listen` and `leave` are the door's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rings: dict[str, deque[Happening]] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._count = 0
        self._ended = False

    def tell(self, namespace: str, kind: Kind, what: Any) -> None:
        """It happened. Of a task, and of a retriever's weights, only the latest is remembered; of
        searches only those made for somebody.
        """
        happening = Happening(kind, self._clock(), what)
        if kind != "execution" or what.purpose in COUNTED:
            self._remember(namespace, happening)
        for listener in self._listeners.get(namespace, ()):
            listener.hear(happening)

    def tell_all(self, namespace: str, kind: Kind, what: Sequence[Any]) -> None:
        """Where nobody listens only the newest are told, which the ring can hold."""
        heard = what if self._listeners.get(namespace) else what[-KEPT:]
        for each in heard:
            self.tell(namespace, kind, each)

    def _remember(self, namespace: str, happening: Happening) -> None:
        """Who comes later finds it. One evaluation alone would push all else out of the ring."""
        ring = self._rings.get(namespace)
        if ring is None:
            ring = self._new_ring(namespace)
        if happening.kind in _LATEST:
            _drop_older(ring, happening)
        ring.append(happening)

    def _new_ring(self, namespace: str) -> deque[Happening]:
        """The namespace that was silent for longest goes when there are too many."""
        if len(self._rings) >= NAMESPACES:
            del self._rings[min(self._rings, key=lambda name: _last(self._rings[name]))]
        ring = self._rings[namespace] = deque(maxlen=KEPT)
        return ring

    def forget(
        self,
        namespace: str,
        *,
        user_id: str = "",
        interaction_ids: Collection[str] = (),
        execution_ids: Collection[str] = (),
    ) -> None:
        """Not told any more, neither from the ring nor to a listener whom it waits for."""

        def is_gone(happening: Happening) -> bool:
            what = happening.what
            return bool(
                (user_id and getattr(what, "user_id", "") == user_id)
                or getattr(what, "interaction_id", None) in interaction_ids
                or (happening.kind == "lesson" and what.execution_id in execution_ids)
            )

        if namespace in self._rings:
            kept = (each for each in self._rings[namespace] if not is_gone(each))
            self._rings[namespace] = deque(kept, maxlen=KEPT)
        for listener in self._listeners.get(namespace, ()):
            listener.forget(is_gone)

    def forget_namespace(self, namespace: str) -> None:
        """All of it, and whoever watches it is sent away."""
        self._rings.pop(namespace, None)
        for listener in self._listeners.get(namespace, ()):
            listener.forget(lambda _: True)
            listener.end()

    def remembered(self, listener: Listener) -> list[Happening]:
        """What a listener finds when it comes, oldest first."""
        ring = self._rings.get(listener.namespace, ())
        return [each for each in ring if listener.wants(each)]

    def admit(self) -> None:
        """Raises TooManyRequests when as many listen as may."""
        if self._count >= LISTENERS:
            raise TooManyRequests(
                f"{LISTENERS} listeners are watching this server already",
                code="too_many_listeners",
                hint="close a page that watches, or send follow=false to look once",
            )

    def listen(self, listener: Listener) -> None:
        """It hears what happens from now on; nothing after the end of the server, nor one of those
        who came at the same moment and are too many.
        """
        self._count += 1
        self._listeners.setdefault(listener.namespace, []).append(listener)
        if self._ended or self._count > LISTENERS:
            listener.end()

    def leave(self, listener: Listener) -> None:
        """It hears nothing more."""
        others = self._listeners.get(listener.namespace, [])
        if listener in others:
            others.remove(listener)
            self._count -= 1
        if not others:
            self._listeners.pop(listener.namespace, None)

    def end(self) -> None:
        """The server stops: nobody waits for more."""
        self._ended = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.end()


def retriever_of(happening: Happening) -> str:
    """The bare id of the retriever it is about ("": of none)."""
    if happening.kind != "task":
        return str(happening.what.retriever_id)
    return str(happening.what.parameters.get("retriever_id") or "").removeprefix("ret_")


def _identity(happening: Happening) -> str:
    """Of what there is one latest: a task, or the weights of a retriever."""
    return str(getattr(happening.what, _LATEST[happening.kind]))


def _drop_older(ring: deque[Happening], newer: Happening) -> None:
    """A task reports five times a second: it must not push all else out."""
    for older in ring:
        if older.kind == newer.kind and _identity(older) == _identity(newer):
            ring.remove(older)
            return


def _last(ring: deque[Happening]) -> int:
    return ring[-1].at_ms if ring else 0


def _latest_weights(found: list[Happening]) -> list[Happening]:
    """Of each retriever's weights the newest."""
    newest = {retriever_of(each): each for each in found if each.kind == "weights"}
    return [
        each for each in found
        if each.kind != "weights" or newest[retriever_of(each)] is each
    ]  # fmt: skip
