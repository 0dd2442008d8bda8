"""One interface over both learners: fold lessons into nodes, choose weights from nodes.

Knows the ladder of context levels, sessions, resets and opt-outs (`learning.md` 4); the formulas
are in `core.beta` and `core.logistic`. Everything is pure: the same lessons in the same order give
the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from desireline.core import beta, logistic
from desireline.core.beta import BetaNode
from desireline.core.logistic import LogisticNode
from desireline.core.seeds import light_generator, normals
from desireline.core.times import from_row_time
from desireline.types import log
from desireline.types.learning import Context, LearningConfig, Level, Taught, Weights

Array = NDArray[np.float64]
Node = BetaNode | LogisticNode
Nodes = Mapping[str, Node]
Kind = Literal["close", "late", "reset", "opt_out", "opt_in"]


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """One lesson as the learners read it. `context_keys` widest first, as in `Context.keys`."""

    kind: Kind
    at_ms: int
    context_keys: tuple[str, ...] = ()
    taught: Taught = Taught()
    user_id: str = ""


class Session(msgspec.Struct, frozen=True):
    """What one session taught, apart from everything else, until `session_ttl_minutes` of silence.

    `thompson_sampling`: the session's own counts; `logistic`: a temporary copy of the user's node.
    """

    at_ms: int
    node: Node
    n: int = 0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of a retriever's lessons: nodes by key, who is opted out, how many lessons."""

    nodes: dict[str, Node] = {}
    opted_out: frozenset[str] = frozenset()
    n_lessons: int = 0


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What one lesson changes: nodes (None = gone), and the opted-out users if they changed."""

    nodes: dict[str, Node | None] = {}
    opted_out: frozenset[str] | None = None


class Standing(msgspec.Struct, frozen=True):
    """The level of the ladder that a context stands on, the node's key, its interactions."""

    level: Level
    key: str
    n: int


# Folding lessons


def lesson_of(row: log.Lesson) -> Lesson:
    """A row of the log as a lesson. Raises `msgspec.MsgspecError` for a foreign payload."""
    taught = msgspec.json.decode(row.payload, type=Taught)
    return Lesson(
        kind=row.kind,  # type: ignore[arg-type]
        at_ms=from_row_time(row.occurred_at),
        context_keys=row.context_keys,
        taught=taught,
        user_id=row.user_id or taught.user_id,
    )


def update(nodes: Nodes, lesson: Lesson, config: LearningConfig, searches: int) -> dict[str, Node]:
    """The nodes that a `close` or `late` lesson changes, as they are afterwards; pure.

    Nothing changes when the lesson has no documents of this number of searches, or
    `learn_from: served` and the execution was not served learned weights.
    """
    if lesson.kind not in ("close", "late") or not _learns(lesson.taught, config):
        return {}
    if not any(len(d.norm_scores) == searches for d in lesson.taught.documents):
        return {}
    keys = lesson.context_keys or ("global",)
    if config.algorithm == "logistic":
        return _update_logistic(nodes, keys, lesson, config, searches)
    row = beta.counted(lesson.taught, config, searches, late=lesson.kind == "late")
    return {
        key: beta.add(_beta(nodes.get(key)), row, lesson.at_ms, config, _owner(key, lesson))
        for key in keys
    }


def _update_logistic(
    nodes: Nodes, keys: tuple[str, ...], lesson: Lesson, config: LearningConfig, searches: int
) -> dict[str, Node]:
    rows = logistic.rows_of(lesson.taught, config, searches, late=lesson.kind == "late")
    if not len(rows.theta):
        return {}
    before = logistic.levels_of(keys, [_logistic(nodes.get(key)) for key in keys], config, searches)
    after = logistic.learn(keys, before, rows, config)
    return {
        key: logistic.node_at(after, place, _owner(key, lesson)) for place, key in enumerate(keys)
    }


def _learns(taught: Taught, config: LearningConfig) -> bool:
    return config.learn_from == "all" or taught.variant == "learned"


def _owner(key: str, lesson: Lesson) -> str:
    return (lesson.user_id or lesson.taught.user_id) if key.startswith("personal:") else ""


def _beta(node: Node | None) -> BetaNode | None:
    return node if isinstance(node, BetaNode) else None


def _logistic(node: Node | None) -> LogisticNode | None:
    return node if isinstance(node, LogisticNode) else None


def changes(state: State, lesson: Lesson, config: LearningConfig, searches: int) -> Changes:
    """What a lesson of any kind changes in a state.

    `reset` drops the user's personal nodes (shared levels keep what they learned); while a user is
    opted out under `opt_out_scope: serve_and_learn`, the user's executions teach nothing.
    """
    user = lesson.user_id or lesson.taught.user_id
    if lesson.kind == "reset":
        return Changes(nodes=dict.fromkeys(_personal(state.nodes, user, lesson.context_keys)))
    if lesson.kind == "opt_out":
        return Changes(opted_out=state.opted_out | {user})
    if lesson.kind == "opt_in":
        return Changes(opted_out=state.opted_out - {user})
    if user in state.opted_out and config.opt_out_scope == "serve_and_learn":
        return Changes()
    return Changes(nodes={**update(state.nodes, lesson, config, searches)})


def _personal(nodes: Nodes, user: str, keys: Collection[str]) -> list[str]:
    """A user has a personal node per combination of context features, so owners are compared."""
    named = {key for key in keys if key.startswith("personal:")}
    owned = {key for key, node in nodes.items() if user and node.owner == user}
    return sorted((named | owned) & nodes.keys())


def fold_all(
    state: State, lessons: Iterable[Lesson], config: LearningConfig, searches: int
) -> State:
    """The state after lessons in this order; the nodes are copied once for all of them."""
    now = State(nodes=dict(state.nodes), opted_out=state.opted_out, n_lessons=state.n_lessons)
    for lesson in lessons:
        now = _applied(now, changes(now, lesson, config, searches))
    return now


def fold(state: State, lesson: Lesson, config: LearningConfig, searches: int) -> State:
    """The state after one lesson. Copies the mapping of nodes: for many lessons use `fold_all`."""
    return fold_all(state, (lesson,), config, searches)


def _applied(own: State, change: Changes) -> State:
    """`own` with a change applied; its nodes are the caller's own copy and are changed in place."""
    for key, node in change.nodes.items():
        if node is None:
            own.nodes.pop(key, None)
        else:
            own.nodes[key] = node
    opted_out = own.opted_out if change.opted_out is None else change.opted_out
    return State(nodes=own.nodes, opted_out=opted_out, n_lessons=own.n_lessons + 1)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    nodes: list[tuple[str, BetaNode | LogisticNode]]
    opted_out: list[str]
    n_lessons: int


def to_bytes(state: State) -> bytes:
    """A state as canonical bytes: equal states give equal bytes, and `from_bytes` is exact."""
    return msgspec.msgpack.encode(
        _Stored(sorted(state.nodes.items()), sorted(state.opted_out), state.n_lessons)
    )


def from_bytes(stored: bytes) -> State:
    """The state that `to_bytes` wrote. Raises `msgspec.MsgspecError` for anything else.

    >>> from_bytes(to_bytes(State(n_lessons=3))).n_lessons
    3
    """
    read = msgspec.msgpack.decode(stored, type=_Stored)
    return State(
        nodes=dict(read.nodes), opted_out=frozenset(read.opted_out), n_lessons=read.n_lessons
    )


def fingerprint(nodes: Nodes, opted_out: Collection[str] = ()) -> str:
    """SHA-256 in hex over the canonical bytes of the nodes (and of who is opted out).

    >>> fingerprint({}) == fingerprint({}, frozenset())
    True
    """
    stored = _Stored(sorted(nodes.items()), sorted(opted_out), 0)
    return hashlib.sha256(msgspec.msgpack.encode(stored)).hexdigest()


# Sessions


def adapt(
    session: Session | None,
    nodes: Nodes,
    context: Context,
    lesson: Lesson,
    config: LearningConfig,
    searches: int,
) -> Session | None:
    """What the session knows after a lesson of its own; nothing here ever reaches a node.

    Give it every reward once, as `late`, when it arrives; a `close` adds only ignored documents.
    A session that was silent for `session_ttl_minutes` begins anew.
    """
    session = session if _alive(session, lesson.at_ms, config) else None
    lesson = msgspec.structs.replace(lesson, taught=_fresh(lesson))
    if not any(len(d.norm_scores) == searches for d in lesson.taught.documents):
        return session
    n = (session.n if session else 0) + _interactions(lesson.taught)
    if config.algorithm == "logistic":
        copy = session.node if session else nodes.get(context.personal)
        return Session(lesson.at_ms, _adapted(copy, nodes, context, lesson, config, searches), n)
    row = beta.counted(lesson.taught, config, searches, late=lesson.kind == "late")
    known = _beta(session.node) if session else None
    return Session(lesson.at_ms, beta.add(known, row, lesson.at_ms, config), n)


def _adapted(
    copy: Node | None, nodes: Nodes, context: Context, lesson: Lesson, *shape: Any
) -> LogisticNode:
    config, searches = shape
    keys = (*_shared(context), "session")
    levels = logistic.levels_of(
        keys,
        [*(_logistic(nodes.get(key)) for key in keys[:-1]), _logistic(copy)],
        config,
        searches,
    )
    rows = logistic.rows_of(lesson.taught, config, searches, late=lesson.kind == "late")
    return logistic.node_at(logistic.learn(keys, levels, rows, config), len(keys) - 1)


def _shared(context: Context) -> tuple[str, ...]:
    return tuple(key for key in ("global", context.demographic) if key)


def _fresh(lesson: Lesson) -> Taught:
    """Rewards came one by one as they arrived: of a closing only the ignored documents are new."""
    if lesson.kind == "late":
        return lesson.taught
    kept = tuple(d for d in lesson.taught.documents if not any(v for _, v in d.rewards))
    return msgspec.structs.replace(lesson.taught, documents=kept)


def _interactions(taught: Taught) -> int:
    return sum(1 for document in taught.documents for _, value in document.rewards if value)


def _alive(session: Session | None, now_ms: int, config: LearningConfig) -> bool:
    return session is not None and now_ms - session.at_ms <= config.session_ttl_minutes * 60_000


def _active(session: Session | None, now_ms: int, config: LearningConfig) -> Session | None:
    """A session speaks from its first interaction until its time is over."""
    return session if session and session.n and _alive(session, now_ms, config) else None


# Choosing weights


def interactions(node: Node | None, searches: int, now_ms: int, config: LearningConfig) -> int:
    """Interactions behind a node: for `thompson_sampling` those inside the decay window."""
    if isinstance(node, BetaNode):
        return beta.counts(node, searches, now_ms, config).n
    return node.n if node is not None else 0


def standing(
    nodes: Nodes, context: Context, config: LearningConfig, searches: int, now_ms: int
) -> Standing:
    """The deepest level with enough interactions: personal from `min_interactions`, global from 1.

    `demographic` counts from 1 under `thompson_sampling` (it decides what is drawn from) and from
    `min_interactions` under `logistic` (it is only reported). Without any, `prior`.
    """
    if config.algorithm != _algorithm(nodes.get("global"), config):
        return Standing("prior", "", 0)
    shared = config.min_interactions if config.algorithm == "logistic" else 1
    ladder: tuple[tuple[Level, str, int], ...] = (
        ("personal", context.personal, config.min_interactions),
        ("demographic", context.demographic, shared),
        ("global", "global", 1),
    )
    for level, key, needed in ladder:
        n = interactions(nodes.get(key), searches, now_ms, config) if key else 0
        if n >= max(needed, 1):
            return Standing(level, key, n)
    return Standing("prior", "", 0)


def _algorithm(node: Node | None, config: LearningConfig) -> str:
    """Nodes of the other algorithm (a configuration just changed) are as good as none."""
    if node is None:
        return config.algorithm
    return "logistic" if isinstance(node, LogisticNode) else "thompson_sampling"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that weights are made of: the standing, and the learner's own parameters."""

    standing: Standing
    config: LearningConfig
    searches: int
    alpha: Array | None = None
    beta: Array | None = None
    slopes: Array | None = None
    spread: Array | None = None
    exploration: float = 0.0


def ready(
    nodes: Nodes,
    context: Context,
    config: LearningConfig,
    searches: int,
    now_ms: int,
    session: Session | None = None,
) -> Ready:
    """What a context's weights are drawn from: look it up once, then `draw`, `draw_many`, `mean`.

    A session with interactions of its own speaks even where nobody else taught anything yet.
    """
    stands = standing(nodes, context, config, searches, now_ms)
    session = _active(session, now_ms, config)
    if stands.level == "prior":
        if session is None:
            return Ready(standing=stands, config=config, searches=searches)
        stands = Standing("personal", context.session or context.personal, session.n)
    exploration = beta.bonus(stands.n, config)
    if config.algorithm == "logistic":
        slopes, spread = _slopes(nodes, context, config, searches, session)
        return Ready(
            standing=stands, config=config, searches=searches, exploration=exploration,
            slopes=slopes, spread=spread,
        )  # fmt: skip
    known = beta.counts(_beta(nodes.get(stands.key)), searches, now_ms, config)
    own = beta.counts(_beta(session.node), searches, now_ms, config) if session else None
    alpha, failures = beta.parameters(known, own, config)
    return Ready(
        standing=stands, config=config, searches=searches, exploration=exploration,
        alpha=alpha, beta=failures,
    )  # fmt: skip


def _slopes(
    nodes: Nodes, context: Context, config: LearningConfig, searches: int, session: Session | None
) -> tuple[Array, Array]:
    """The context's nodes; a session's copy stands in the place of the user's own node."""
    if session is None:
        keys = context.keys
        known = [_logistic(nodes.get(key)) for key in keys]
    else:
        keys = (*_shared(context), "session")
        known = [*(_logistic(nodes.get(key)) for key in keys[:-1]), _logistic(session.node)]
    return logistic.slopes_of(keys, known, config, searches)


def draw_many(found: Ready, rng: np.random.Generator, count: int) -> Array:
    """(count, F) independent draws, as `draw` draws them: what propensities are made of.

    >>> nothing = ready({}, Context(), LearningConfig(), 4, 0)
    >>> draw_many(nothing, np.random.Generator(np.random.PCG64(1)), 1).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    config = found.config
    if found.slopes is not None and found.spread is not None:
        normal = rng.standard_normal((found.searches, count))
        return logistic.draws(found.slopes, found.spread, normal, config)
    if found.alpha is not None and found.beta is not None:
        return beta.draws(found.alpha, found.beta, found.exploration, config, rng, count)
    return np.full((count, found.searches), 1.0 / found.searches)


def draw(found: Ready, rng: np.random.Generator) -> Weights:
    """One draw of weights; at level `prior` equal weights, and nothing is drawn."""
    return _weights(draw_many(found, rng, 1)[0], found)


def draw_with_others(found: Ready, seed: int, count: int) -> tuple[Weights, Array]:
    """The draw of weights that a seed gives, and (count, F) others that the policy could as well
    have drawn: what propensities are made of. One projection for all of them.

    Of one search every draw is the weight 1, so nothing is drawn.

    >>> nothing = ready({}, Context(), LearningConfig(), 2, 0)
    >>> weights, others = draw_with_others(nothing, 1, 3)
    >>> weights.values, others.shape
    ((0.5, 0.5), (3, 2))
    """
    if found.searches == 1:
        drawn = np.ones((1 + count, 1))
    elif found.slopes is not None and found.spread is not None:
        normal = normals(seed, (found.searches, 1 + count))
        drawn = logistic.draws(found.slopes, found.spread, normal, found.config)
    else:
        drawn = draw_many(found, light_generator(seed), 1 + count)
    return _weights(drawn[0], found), drawn[1:]


def mean(found: Ready) -> Weights:
    """The weights of the posterior mean: what the policy believes, without exploration."""
    if found.slopes is not None:
        return _weights(logistic.mean_weights(found.slopes, found.config), found)
    if found.alpha is not None and found.beta is not None:
        return _weights(beta.mean_weights(found.alpha, found.beta, found.config), found)
    return _weights(np.full(found.searches, 1.0 / found.searches), found)


def _weights(values: Array, found: Ready) -> Weights:
    return Weights(
        values=tuple(values.tolist()),
        level=found.standing.level,
        context_key=found.standing.key,
        exploration=found.exploration,
        interactions=found.standing.n,
        alpha=() if found.alpha is None else tuple(found.alpha.tolist()),
        beta=() if found.beta is None else tuple(found.beta.tolist()),
    )


def own_mean(
    nodes: Nodes, keys: Collection[str], config: LearningConfig, searches: int, now_ms: int
) -> tuple[float, ...]:
    """What the last of these levels (widest first) believes by itself, however little it knows.

    `logistic`: with the wider ones, of which it is a deviation. Equal weights where nothing is.

    >>> own_mean({}, ["global"], LearningConfig(), 4, 0)
    (0.25, 0.25, 0.25, 0.25)
    """
    listed = list(keys)
    if config.algorithm == "logistic":
        known = [_logistic(nodes.get(key)) for key in listed]
        slopes, _ = logistic.slopes_of(listed, known, config, searches)
        return tuple(logistic.mean_weights(slopes, config).tolist())
    own = beta.counts(_beta(nodes.get(listed[-1])), searches, now_ms, config)
    return tuple(beta.mean_weights(*beta.parameters(own, None, config), config).tolist())
