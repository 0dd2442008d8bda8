"""Bring your own engine: what another engine found is fused here, or only logged here.

Fused runs get the same decision, log rows and memory as an execution. Logged executions were ranked
elsewhere: their propensities are unknown and they teach no weights. Knows ids and scores, no stored
documents; reads memory only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from desireline.core import times
from desireline.core.fusion import candidates
from desireline.core.ids import derived_id
from desireline.core.propensity import examined
from desireline.core.queries import query_key
from desireline.core.recipe import LaterStage, SearchStage
from desireline.core.shapes import nearest
from desireline.core.snapshot import Served
from desireline.core.stages.reduction import Limit
from desireline.errors import Invalid, invalid
from desireline.ports import RecentExecution, Shown, Ticket
from desireline.steps.serve import rank, record
from desireline.steps.serve.execute import Serve, limits_of, milliseconds
from desireline.steps.serve.filling import Filling
from desireline.steps.serve.request import Answer, Degraded, Request, Retrieved
from desireline.steps.serve.telling import told
from desireline.types.log import Impression
from desireline.types.retriever import Document, Hit, Run, Search

SOURCE = "log"
_encode = msgspec.json.Encoder().encode


class Logged(msgspec.Struct, frozen=True):
    """A logged execution. `deduplicated`: it was there already; `future`: its time was clamped."""

    execution_id: str
    deduplicated: bool = False
    future: bool = False


class Foreign:
    """Takes what other engines found, through the decider, log and memory of `Serve`."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def fuse(self, served: Served, request: Request, runs: Sequence[Run]) -> Answer:
        """Fuse hits in any order; log it and return the page. Raises Invalid with JSON paths."""
        serve, ports = self._serve, self._serve.ports
        started, now_ms, execution_id = milliseconds(), ports.clock(), ports.mint()
        request = request.under(ports.known_as)
        stage = _fusable(served)
        filling = Filling(serve.fields, (), request, now_ms)
        later = _limits(served, stage, filling)
        sent = _by_search(stage, runs)
        found = retrieved(stage, sent)
        choice = None
        if stage.fusion == "learned":
            choice = serve.decider.choose(served, request, execution_id, now_ms)
        ranked = rank.rank(stage, served, found, choice, execution_id)
        ids = ranked.served.ids
        places, notes = range(min(stage.final_top_k, len(ids))), []
        notes.append(_note(stage.stage_name, len(ids), len(places), milliseconds() - started))
        for name, how in later:
            before, places = len(places), places[how.offset : how.offset + how.limit]
            notes.append(_note(name, before, len(places), 0.0))
        total, places = len(places), places[: request.limit]
        share = served.learning.exploration_traffic
        certain = rank.propensities(ranked, choice, max(places, default=-1) + 1, share)
        answer = _answer(
            served, request, execution_id, now_ms, [ids[place] for place in places],
            fused=ranked.served, places=list(places), weights=ranked.weights, method=ranked.method,
            choice=choice, total=total, stages=notes,
            propensities=[certain[place] for place in places], explored_at=ranked.explored_at,
            shadow=ranked.shadow, degraded=[*filling.skipped, *found.degraded],
            limits=[*limits_of(stage, request.limit), *_cut(stage, sent)],
        )  # fmt: skip
        return serve.finish(answer, ranked, started)

    async def log(
        self, served: Served, request: Request, shown: Sequence[Hit], occurred_at: str, key: str
    ) -> Logged:
        """Log what was shown, best first; on disk when this returns. `key` ("": none) names the
        execution: the same key again is the same execution.

        Raises Invalid, IntakeFull or StorageFull; then nothing was stored.
        """
        ports, now_ms = self._serve.ports, self._serve.ports.clock()
        request = request.under(ports.known_as)
        at_ms, future = times.moment(occurred_at, now_ms, "$.occurred_at")
        _distinct([hit.document_id for hit in shown], "$.shown")
        execution_id = _named(served, key) if key else ports.mint()
        if key and ports.recent.get(execution_id) is not None:
            return Logged(execution_id, deduplicated=True, future=future)
        answer = _answer(served, request, execution_id, at_ms, [hit.document_id for hit in shown])
        frames = _frames(answer, shown, now_ms, (ports.node, ports.intake.next_seq()))
        ticket = ports.intake.append(frames)
        await ports.intake.synced(ticket)
        ports.recent.add(_remembered(answer, shown, ticket))
        ports.feed.tell(request.namespace, "execution", told(answer))
        ports.metrics.count("executions", variant="none", status=answer.status)
        return Logged(execution_id, future=future)


def _answer(
    served: Served, request: Request, execution_id: str, at_ms: int, ids: Sequence[str],
    **parts: Any,
) -> Answer:  # fmt: skip
    """The one place where an answer is made without stored documents."""
    given: dict[str, Any] = {
        "fused": None, "places": [], "weights": (), "method": "", "choice": None,
        "total": len(ids), "stages": [], "propensities": [],
    }  # fmt: skip
    return Answer(
        execution_id=execution_id, served=served, request=request, at_ms=at_ms, latency_ms=0.0,
        shown=[Document(document_id=each, collection_id="") for each in ids], homes={},
        **(given | parts),
    )  # fmt: skip


# What can be fused.


def _fusable(served: Served) -> SearchStage:
    """The search stage, if nothing of it reads stored documents."""
    stage = served.recipe.search
    if stage is None:
        raise invalid(
            "$.runs", "unknown_search", "this retriever has no feature_search, so no run fits it",
            "fuse with a retriever that has one",
        )  # fmt: skip
    path = f"$.stages.{stage.stage_name}"
    reading = {
        "pre_filters": stage.pre_filters is not None, "facets": bool(stage.facets),
        "group_by": stage.groups is not None,
    }  # fmt: skip
    for name in (name for name, reads in reading.items() if reads):
        raise _unread(f"{path}.{name}", f"`{name}`")
    for place, search in enumerate(stage.searches):
        if search.filters is not None:
            name = f"searches[{place}].filters"
            raise _unread(f"{path}.{name}", f"a filter of `{search.feature_uri}`")
    return stage


def _limits(served: Served, stage: SearchStage, filling: Filling) -> list[tuple[str, Limit]]:
    """The `limit` stages behind the search; any other might read stored documents."""
    found = []
    for other in served.recipe.stages:
        if other is stage:
            continue
        if not isinstance(other, LaterStage) or other.stage_id != "limit":
            raise _unread(f"$.stages.{other.stage_name}", f"stage `{other.stage_name}`")
        try:
            found.append((other.stage_name, filling.parameters(other)))
        except Invalid as error:
            filling.skip(other, error)
    return found


def _unread(path: str, what: str) -> Invalid:
    return invalid(
        path, "needs_documents", f"{what} reads stored documents; fused runs have only ids",
        "filter in your own engine, and fuse with a retriever of one feature_search (and `limit`)",
    )  # fmt: skip


def _by_search(stage: SearchStage, runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by feature_uri, each of a search of the stage, no document twice in one."""
    known = [search.feature_uri for search in stage.searches]
    if not runs:
        raise invalid("$.runs", "empty", "`runs` is empty", f"send a run of {' or '.join(known)}")
    found: dict[str, Run] = {}
    for place, run in enumerate(runs):
        path = f"$.runs[{place}]"
        if run.feature_uri not in known:
            raise invalid(
                f"{path}.feature_uri", "unknown_search",
                f"`{run.feature_uri}` is no search of this retriever",
                nearest(run.feature_uri, known),
            )  # fmt: skip
        if run.feature_uri in found:
            raise invalid(
                f"{path}.feature_uri", "duplicate_name", f"two runs name `{run.feature_uri}`",
                "send one run a search",
            )  # fmt: skip
        _distinct(run.ids, f"{path}.hits")
        found[run.feature_uri] = run
    return found


def _distinct(ids: Sequence[str], path: str) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for place, each in enumerate(ids):
        if each in seen:
            raise invalid(
                f"{path}[{place}].document_id", "duplicate_name", f"`{each}` stands there twice",
                "send each document once, with its best score",
            )  # fmt: skip
        seen.add(each)


# From what was sent to what fusion takes.


def retrieved(stage: SearchStage, sent: Mapping[str, Run]) -> Retrieved:
    """The runs as if the searches had run here: sorted, cut at `min_score` and `top_k`; for learned
    fusion completed with the sent score of what was cut, else the lowest score sent.
    """
    runs = [_sorted(sent.get(s.feature_uri) or Run(s.feature_uri, [], [])) for s in stage.searches]
    cut = [_returned(search, run) for search, run in zip(stage.searches, runs, strict=True)]
    union = dict.fromkeys(each for run in cut for each in run.ids)
    complete = None
    if stage.fusion == "learned":
        whole = [_completed(run, full, union) for run, full in zip(cut, runs, strict=True)]
        complete = candidates(whole)
    missing = [s for s in stage.searches if s.feature_uri not in sent and not s.optional]
    lacks = [_lack(search, stage) for search in missing]
    return Retrieved(returned=cut, homes={}, complete=complete, degraded=lacks)


def _sorted(run: Run) -> Run:
    """Score descending, then id."""
    pairs = sorted(zip(run.ids, run.scores, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return Run(run.feature_uri, [each for each, _ in pairs], [score for _, score in pairs])


def _returned(search: Search, run: Run) -> Run:
    count = min(search.top_k, len(run.ids))
    if search.min_score is not None:
        count = min(count, sum(score >= search.min_score for score in run.scores))
    return Run(run.feature_uri, run.ids[:count], run.scores[:count], count)


def _completed(run: Run, full: Run, union: Iterable[str]) -> Run:
    """The learner compares like with like: nothing of the union is without a score (0 throughout
    where the engine found nothing, which says nothing).
    """
    lowest = _lowest(full)
    have, known = set(run.ids), dict(zip(full.ids, full.scores, strict=True))
    missing = [each for each in union if each not in have]
    scores = [*run.scores, *(known.get(each, lowest) for each in missing)]
    return Run(run.feature_uri, [*run.ids, *missing], scores, len(run.ids))


def _lowest(run: Run) -> float:
    """What an absent document counts as: the lowest score sent. Where all scores are one score,
    just below it: else whoever was found could not be told from whoever was not.
    """
    if not run.scores:
        return 0.0
    lowest = run.scores[-1]
    if run.scores[0] > lowest:
        return lowest
    return float(np.nextafter(np.float32(lowest), np.float32(-np.inf)))


def _lack(search: Search, stage: SearchStage) -> Degraded:
    return Degraded(
        resource="search", id=search.feature_uri, reason="the request has no run of this search",
        next_step="send its hits; where your engine found nothing, a run with no hits",
        stage=stage.stage_name,
    )  # fmt: skip


def _cut(stage: SearchStage, sent: Mapping[str, Run]) -> list[dict[str, Any]]:
    """Runs that are longer than the `top_k` of their search."""
    return [
        {"name": "hits", "requested": len(sent[search.feature_uri].ids), "applied": search.top_k,
         "ceiling": search.top_k, "stage": stage.stage_name, "feature_uri": search.feature_uri}
        for search in stage.searches
        if search.feature_uri in sent and len(sent[search.feature_uri].ids) > search.top_k
    ]  # fmt: skip


def _note(name: str, given: int, kept: int, ms: float) -> dict[str, Any]:
    return {"name": name, "input_count": given, "output_count": kept, "duration_ms": round(ms, 3),
            "metadata": {}}  # fmt: skip


# Only logged.


def _named(served: Served, key: str) -> str:
    retriever = served.retriever
    return derived_id(SOURCE, retriever.namespace, retriever.retriever_id, key)


def _frames(
    answer: Answer, shown: Sequence[Hit], now_ms: int, stamp: tuple[str, int]
) -> list[tuple[str, bytes]]:
    """The execution's row and one per document shown; `stamp` is the node and its next number."""
    received_at = times.row_time(now_ms)
    row = record.execution_row(answer, None, *stamp)
    row = msgspec.structs.replace(row, received_at=received_at)
    impressions = [
        Impression(
            namespace=row.namespace, occurred_at=row.occurred_at, received_at=received_at,
            source=row.source, node=row.node, seq=row.seq, user_id=row.user_id,
            session_id=row.session_id, purpose=row.purpose, execution_id=row.execution_id,
            document_id=hit.document_id, retriever_id=row.retriever_id, position=place,
            query_key=row.query_key, device=row.device, segment=row.segment, score=hit.score,
        )
        for place, hit in enumerate(shown)
    ]  # fmt: skip
    frames = [("executions", _encode(row))]
    frames.extend(("impressions", _encode(each)) for each in impressions)
    return frames


def _remembered(answer: Answer, shown: Sequence[Hit], ticket: Ticket) -> RecentExecution:
    """What receipts need. Without a subject: it holds no weights that a session could keep."""
    request = answer.request
    return RecentExecution(
        execution_id=answer.execution_id, namespace=request.namespace,
        retriever_id=answer.served.retriever.retriever_id, at_ms=answer.at_ms,
        closes_at_ms=answer.at_ms, query_key=query_key(request.text("query")),
        user_id=request.user_id, session_id=request.session_id, context_keys=(), searches=(),
        variant="", teaches=False, open=False, purpose=request.purpose, source=request.source,
        logged_at=ticket.seq,
        shown=[
            Shown(
                document_id=hit.document_id, position=place, score=hit.score, norm_scores=(),
                contributions=(), winner="", theta=examined(place), rewards=[],
            )
            for place, hit in enumerate(shown)
        ],
    )  # fmt: skip
