"""In-session adaptation: what a visit's own acts change for its next search, and for no other.

Acts are only noted when they arrive (that is the hot path of ingest) and worked in when the session
searches again. Knows `core.policy`; nothing here ever reaches a node or the log.
"""

from __future__ import annotations

from collections import OrderedDict

from desireline.core import closing, policy
from desireline.core.snapshot import Served
from desireline.ports import Clock, RecentExecution
from desireline.types.learning import Context, Taught

MOST_SESSIONS = 20_000
MOST_ACTS = 200
Key = tuple[str, str]
Act = tuple[RecentExecution, policy.Kind, Taught, int]


class Sessions:
    """Temporary states by (retriever_id, session_id); the longest silent ones go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[Key, policy.Session | None] = OrderedDict()
        self._noted: dict[Key, list[Act]] = {}
        self._users: dict[Key, str] = {}

    def rewarded(
        self, execution: RecentExecution, document_id: str, interaction_id: str, reward: float
    ) -> None:
        """Note a reward of a live session, once, when it arrives. Never raises."""
        if execution.session_id and reward and execution.teaches:
            taught = closing.late(execution, document_id, interaction_id, reward)
            self._note(execution, "late", taught)

    def closed(self, execution: RecentExecution, taught: Taught) -> None:
        """Note what a session ignored, if it has acted at all."""
        if (execution.retriever_id, execution.session_id) in self._known:
            self._note(execution, "close", taught)

    def _note(self, execution: RecentExecution, kind: policy.Kind, taught: Taught) -> None:
        key = (execution.retriever_id, execution.session_id)
        acts = self._noted.setdefault(key, [])
        if len(acts) < MOST_ACTS:
            acts.append((execution, kind, taught, self._clock()))
        self._known.setdefault(key, None)
        self._known.move_to_end(key)
        self._users[key] = execution.user_id
        while len(self._known) > MOST_SESSIONS:
            self._drop(next(iter(self._known)))

    def _drop(self, key: Key) -> None:
        self._known.pop(key, None)
        self._noted.pop(key, None)
        self._users.pop(key, None)

    def end(self, retriever_id: str, user_id: str) -> None:
        """Forget what the visits of a user have taught so far (a reset)."""
        for key in [key for key, user in self._users.items() if user == user_id]:
            if key[0] == retriever_id:
                self._drop(key)

    def of(self, served: Served, session_id: str) -> policy.Session | None:
        """The session's state with everything noted so far worked in."""
        key = (served.retriever.retriever_id, session_id)
        if not session_id or key not in self._known:
            return None
        session = self._known[key]
        for execution, kind, taught, at_ms in self._noted.pop(key, ()):
            lesson = policy.Lesson(
                kind=kind, at_ms=at_ms, context_keys=execution.context_keys, taught=taught,
                user_id=execution.user_id,
            )  # fmt: skip
            session = policy.adapt(
                session, served.state.nodes, _context(execution), lesson, served.learning,
                len(served.uris),
            )  # fmt: skip
        self._known[key] = session
        return session


def _context(execution: RecentExecution) -> Context:
    keys = {key.partition(":")[0]: key for key in execution.context_keys}
    return Context(
        personal=keys.get("personal", ""),
        demographic=keys.get("demographic", ""),
        session=f"session:{execution.session_id}",
    )
