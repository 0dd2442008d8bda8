"""Laws of the port `EventLog`, on an embedded log and on a real ClickHouse server; and their
congruence.

Every example has a namespace of its own, so that one log serves them all.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desireline.store.clickhouse import ClickHouse
from desireline.store.queries import names
from desireline.types.log import TABLES, Interaction, Mark
from tests.builders import an_execution, an_impression, an_interaction, json_lines
from tests.store.event_logs import BACKENDS, UUID_COLUMNS, ask, embedded, held, served

NAMESPACES = (f"law-{number}" for number in itertools.count())
TOKENS = (f"token-{number}" for number in itertools.count())
FIRST = datetime.now(UTC) - timedelta(days=30)  # younger than the TTL of the candidates
MOMENTS = [f"2026-{day} 23:59:59.999" for day in ("10-31", "11-01", "11-02")]
RANGES = {"UInt8": 8, "UInt16": 16, "UInt32": 32, "UInt64": 64, "Int32": 31}
law = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=BACKENDS)
def log(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClickHouse]:
    with BACKENDS[request.param](tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


def times() -> st.SearchStrategy[str]:
    milliseconds = st.integers(0, 60 * 86_400_000)
    moment = milliseconds.map(lambda ms: FIRST + timedelta(milliseconds=ms))
    return moment.map(lambda at: at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3])


def values(kind: str) -> st.SearchStrategy[Any]:
    """Values of a ClickHouse type, in the form of the struct's field."""
    if kind.startswith("LowCardinality("):
        return values(kind[15:-1])
    if kind.startswith("Nullable("):
        return st.none() | values(kind[9:-1])
    if kind.startswith("Array("):
        return st.lists(values(kind[6:-1]), max_size=3).map(tuple)
    if kind.startswith("DateTime64"):
        return times()
    if kind == "UUID":
        return st.uuids().map(lambda value: value.hex)
    if kind.startswith("Float"):
        # The lite parser drops the third digit of an exponent: no 1e300, no 1e-106 in this log.
        finite = st.floats(-(2.0**52), 2.0**52, allow_subnormal=False, width=int(kind[5:]))
        return finite.map(lambda number: number if abs(number) > 1e-90 else 0.0)
    if kind == "String":
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    low = -(2**31) if kind == "Int32" else 0
    return st.integers(low, 2 ** RANGES[kind] - 1)


def columns(log: ClickHouse, table: str) -> dict[str, str]:
    found = log._ask(
        "SELECT name, type FROM system.columns "
        "WHERE database = currentDatabase() AND table = {t:String}",
        {"t": table},
    )
    return {row["name"]: row["type"] for row in found}


def same_number(left: Any, right: Any) -> bool:
    """Equal to one bit of a Float32: so far is the lite parser off where there are exponents."""
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same_number, left, right))
    if isinstance(left, float):
        return math.isnan(left) == math.isnan(right) and (
            math.isnan(left) or math.isclose(left, right, rel_tol=2**-22, abs_tol=1e-30)
        )
    return bool(left == right)


def assert_same(left: msgspec.Struct, right: msgspec.Struct) -> None:
    for field in left.__struct_fields__:
        assert same_number(getattr(left, field), getattr(right, field)), field


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_the_struct(log: ClickHouse, table: str) -> None:
    fields = {field.name for field in msgspec.structs.fields(TABLES[table])}
    assert columns(log, table).keys() == fields
    required = {field.name for field in msgspec.structs.fields(TABLES[table]) if field.required}
    ids = required & UUID_COLUMNS
    plain: dict[str, Any] = dict.fromkeys(required, "x") | dict.fromkeys(ids, "ab" * 16)
    if "generation" in plain:
        plain["generation"] = 3
    namespace = next(NAMESPACES)
    at = FIRST.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    sent = TABLES[table](**(plain | {"namespace": namespace, "occurred_at": at, "received_at": at}))
    log.insert(table, msgspec.json.encode(sent), next(TOKENS))
    (found,) = held(log, table, namespace)
    assert_same(sent, found)  # what the frame left out has the struct's default


@pytest.mark.parametrize("table", TABLES)
@law
@given(data=st.data())
def test_a_row_read_back_is_the_row_acknowledged(
    log: ClickHouse, table: str, data: st.DataObject
) -> None:
    kinds = columns(log, table)
    namespace = next(NAMESPACES)
    drawn = data.draw(st.fixed_dictionaries({name: values(kind) for name, kind in kinds.items()}))
    sent = TABLES[table](**(drawn | {"namespace": namespace}))
    log.insert(table, msgspec.json.encode(sent), next(TOKENS))
    (found,) = held(log, table, namespace)
    assert_same(sent, found)


def interactions(namespace: str) -> st.SearchStrategy[list[Interaction]]:
    few = st.sampled_from
    one = st.fixed_dictionaries(
        {
            "user_id": few(["", "u1", "u2"]),
            "document_id": few(["a", "b"]),
            "interaction_type": st.lists(
                few(["click", "purchase", "skip"]), min_size=1, max_size=3
            ).map(tuple),
            "context_keys": few([(), ("global",), ("global", "personal:1"), ("global", "global")]),
            "feature_uri": few(["", "f1"]),
            "purpose": few(["traffic", "simulation"]),
            "occurred_at": few(MOMENTS),
        }
    )
    return st.lists(one, min_size=1, max_size=12).map(
        lambda drawn: [
            an_interaction(number, namespace=namespace, **fields)
            for number, fields in enumerate(drawn, start=1)
        ]
    )


def insert_ranges(log: ClickHouse, ranges: list[list[Interaction]], tokens: list[str]) -> None:
    for rows, token in zip(ranges, tokens, strict=True):
        log.insert("interactions", json_lines(*rows), token)


def raw_counts(rows: list[Interaction]) -> Counter[tuple[str, ...]]:
    return Counter(
        (row.retriever_id, context, row.feature_uri, kind, row.occurred_at[:10], row.purpose)
        for row in rows
        for context in set(row.context_keys or ("",))
        for kind in set(row.interaction_type)
    )


def counters(log: ClickHouse, namespace: str) -> dict[tuple[str, ...], int]:
    found = ask(log, "interaction_counts", namespace=namespace)
    names = ("retriever_id", "context_key", "feature_uri", "interaction_type", "day", "purpose")
    return {tuple(row[name] for name in names): row["interactions"] for row in found}


def by_document(log: ClickHouse, namespace: str) -> list[str]:
    found = log._ask(
        "SELECT interaction_id FROM interactions_by_document "
        "WHERE namespace = {n:String} ORDER BY 1",
        {"n": namespace},
    )
    return [row["interaction_id"] for row in found]


@law
@given(data=st.data())
def test_deleting_equals_a_log_that_never_held_them(log: ClickHouse, data: st.DataObject) -> None:
    namespace = next(NAMESPACES)
    rows = data.draw(interactions(namespace))
    log.insert("interactions", json_lines(*rows), next(TOKENS))
    gone = data.draw(st.lists(st.sampled_from([row.interaction_id for row in rows]), unique=True))
    cut = data.draw(st.integers(0, len(gone)))
    first = asyncio.run(log.delete_interactions(namespace, gone[:cut]))
    second = asyncio.run(log.delete_interactions(namespace, gone))  # repeats the first ones
    assert first + second == len(gone)
    kept = [row for row in rows if row.interaction_id not in gone]
    assert held(log, "interactions", namespace) == sorted(kept, key=msgspec.json.encode)
    assert counters(log, namespace) == raw_counts(kept)
    assert len(by_document(log, namespace)) == len(kept)


def test_a_deletion_that_was_interrupted_is_finished_by_repeating_it(log: ClickHouse) -> None:
    from desireline.store import migrations, removal

    namespace = next(NAMESPACES)
    rows = [an_interaction(number, namespace=namespace) for number in (1, 2, 3)]
    log.insert("interactions", json_lines(*rows), next(TOKENS))
    bound = {"namespace": namespace, "interaction_ids": [rows[0].interaction_id]}
    for statement in removal.INTERACTION_STATEMENTS[:2]:
        sql = migrations.render(statement, log.layout, month="202611")
        log._writer.command(sql, parameters=bound)
    asyncio.run(log.delete_interactions(namespace, [row.interaction_id for row in rows[:2]]))
    assert counters(log, namespace) == raw_counts(rows[2:])


@law
@given(data=st.data())
def test_any_prefix_inserted_again_changes_nothing(log: ClickHouse, data: st.DataObject) -> None:
    namespace = next(NAMESPACES)
    rows = data.draw(interactions(namespace))
    size = data.draw(st.integers(1, len(rows)))
    ranges = [rows[at : at + size] for at in range(0, len(rows), size)]
    tokens = [next(TOKENS) for _ in ranges]
    insert_ranges(log, ranges, tokens)
    before = (
        held(log, "interactions", namespace),
        counters(log, namespace),
        by_document(log, namespace),
    )
    prefix = data.draw(st.integers(0, len(ranges)))
    insert_ranges(log, ranges[:prefix], tokens[:prefix])
    after = (
        held(log, "interactions", namespace),
        counters(log, namespace),
        by_document(log, namespace),
    )
    assert before == after
    assert before[1] == raw_counts(rows)
    assert len(before[2]) == len(rows)


@law
@given(data=st.data())
def test_order_of_insertion_does_not_matter(log: ClickHouse, data: st.DataObject) -> None:
    here, there = next(NAMESPACES), next(NAMESPACES)
    rows = data.draw(interactions(here))
    shuffled = data.draw(st.permutations(rows))
    insert_ranges(log, [[row] for row in rows], [next(TOKENS) for _ in rows])
    moved = [msgspec.structs.replace(row, namespace=there) for row in shuffled]
    log.insert("interactions", json_lines(*moved), next(TOKENS))
    assert counters(log, here) == counters(log, there)
    back = [
        msgspec.structs.replace(row, namespace=here) for row in held(log, "interactions", there)
    ]
    assert back == held(log, "interactions", here)


def test_rows_of_many_months_and_equal_keys_in_one_range(log: ClickHouse) -> None:
    namespace = next(NAMESPACES)
    months = [
        f"{year}-{month:02d}-01 00:00:00.000"
        for year in range(2017, 2026)
        for month in range(1, 13)
    ]  # 108: more than the 100 that ClickHouse allows by default
    rows = [
        an_interaction(n, namespace=namespace, occurred_at=at)
        for n, at in enumerate(months, start=1)
    ]
    token = next(TOKENS)
    for _ in range(2):
        log.insert("interactions", json_lines(*rows, rows[0]), token)
    assert len(held(log, "interactions", namespace)) == len(months)
    assert ask(log, "interactions_count", namespace=namespace) == [{"total": len(months)}]


def test_marks_hide_rows_until_they_are_taken_back(log: ClickHouse) -> None:
    namespace = next(NAMESPACES)
    rows = [
        an_interaction(1, namespace=namespace, user_id="bot"),
        an_interaction(2, namespace=namespace, session_id="s"),
        an_interaction(3, namespace=namespace),
    ]
    log.insert("interactions", json_lines(*rows), next(TOKENS))

    def total() -> int:
        found = ask(log, "reward_counts", namespace=namespace, retriever_id="ret-0")
        return sum(row["interactions"] for row in found)

    def mark(second: int, subject: str, subject_id: str, value: int) -> None:
        at = f"2026-11-02 03:04:{second:02d}.000"
        row = Mark(
            namespace=namespace, occurred_at=at, received_at=at, subject=subject,
            subject_id=subject_id, mark="bot", value=value,
        )  # fmt: skip
        log.insert("marks", json_lines(row), next(TOKENS))

    assert total() == 3
    mark(1, "user", "bot", 1)
    mark(1, "session", "s", 1)
    mark(1, "interaction", rows[2].interaction_id, 1)
    assert total() == 0
    mark(2, "user", "bot", 0)
    assert total() == 1


def test_superseded_lessons_are_dropped(log: ClickHouse) -> None:
    from desireline.types.log import Lesson

    namespace, at = next(NAMESPACES), "2026-11-02 03:04:05.000"
    rows = [
        Lesson(
            namespace=namespace,
            occurred_at=at,
            received_at=at,
            retriever_id=namespace,
            generation=generation,
            kind="close",
            seq=seq,
        )
        for generation in (1, 2)
        for seq in (1, 2)
    ]
    log.insert("lessons", json_lines(*rows), next(TOKENS))
    (newest,) = ask(log, "latest_generation", retriever_ids=[namespace])
    assert (newest["generation"], newest["lessons"], newest["last_seq"]) == (2, 2, 2)
    asyncio.run(log.delete_lessons(namespace, 2))
    assert held(log, "lessons", namespace) == rows[2:]


SHADOW = '{"weights":[0.25,0.75],"top":["doc-1","doc-9"],"overlap_at_10":0.5,"kendall_tau":-1.0}'


def fill(log: ClickHouse) -> None:
    at = [f"2026-11-02 03:04:{second:02d}.000" for second in range(20)]
    executions = [
        an_execution(
            n,
            occurred_at=at[n],
            received_at=at[n],
            user_id=f"user-{n % 2}",
            algorithm="logistic",
            searches=("a", "b"),
            weights=(0.25, 0.75),
            candidate_ids=("x",),
            variant="learned",
            candidate_scores=((1.5, 0.0),),
            context_keys=("global", f"demographic:{n % 3}")[: n % 4 + 1],
            session_id=f"s-{n % 3}",
            context_level=("global", "personal")[n > 4],
            segment=("", "pro")[n % 2],
            query_key=f"lamp {n % 3}",
            payload='{"sampled":[0.375,0.625]}' if n % 2 else "{}",
            shadow=SHADOW if n % 2 else "",
        )
        for n in range(1, 9)
    ]
    impressions = [
        an_impression(
            n,
            place,
            norm_scores=(0.5, 1.0),
            user_id=f"user-{n % 2}",
            retriever_id="ret-0",
            occurred_at=at[n],
            received_at=at[n],
            propensity=math.nan if place else 0.5,
        )
        for n in range(1, 9)
        for place in range(3)
    ]
    clicks = [
        an_interaction(
            n,
            occurred_at=at[n % 7],
            received_at=at[n],
            user_id=f"user-{n % 2}",
            reward=0.5 * n,
            teaches=n % 2,
            execution_id=f"{n % 4 + 1:032x}",
            document_id=f"doc-{n % 3}",
            session_id=f"s-{n % 3}",
            client_event_id=f"c{n}" if n % 2 else "",
            interaction_type=("click", "long_view")[: n % 2 + 1],
            attribution="logged" if n % 2 else ("client", "pending")[n % 4 == 0],
            duration_ms=n or None,
        )
        for n in range(1, 15)
    ]
    log.insert("executions", json_lines(*executions), "fill")
    log.insert("impressions", json_lines(*impressions), "fill")
    log.insert("interactions", json_lines(*clicks), "fill")


USED = {"purposes": ["traffic"], "before_ms": 2 * 10**12, "half_life_ms": 1e11, "per_visitor": 3}
USED |= {"position_weights": [1.0, 2.0]}

ASKED: dict[str, list[dict[str, Any]]] = {
    "client_events_since": [{}],
    "execution_by_id": [{"execution_id": f"{3:032x}"}, {"execution_id": f"{99:032x}"}],
    "documents_used": [{"user_id": "", "session_id": "s-1", "interaction_types": ["click"]}],
    "executions_list": [
        {},
        {"user_ids": ["user-1"], "direction": -1, "limit": 2},
        {"session_ids": ["s-1"]},
        {"execution_ids": [f"{3:032x}"], "retriever_ids": ["ret-0"]},
    ],
    "executions_by_ids": [{"execution_ids": [f"{3:032x}", f"{5:032x}"]}],
    "executions_open": [{"since_ms": 0, "before_ms": 4_000_000_000_000}],
    "executions_since": [{}],
    "impressions_of_execution": [{"execution_id": f"{3:032x}"}],
    "impressions_of_executions": [{"execution_ids": [f"{3:032x}", f"{5:032x}"]}],
    "impressions_since": [{}],
    "interaction_by_id": [{"interaction_id": f"{3:032x}"}],
    "interaction_counts": [{}, {"context_keys": ["global"]}],
    "interactions_by_ids": [{"interaction_ids": [f"{3:032x}", f"{5:032x}"]}],
    "interactions_count": [{}, {"document_ids": ["doc-1"]}, {"interaction_types": ["long_view"]}],
    "interactions_list": [
        {},
        {"direction": -1, "limit": 3, "offset": 2},
        {"document_ids": ["doc-1", "doc-2"], "user_ids": ["user-1"]},
        {"interaction_types": ["long_view", "never"], "attributions": ["logged"]},
        {"execution_ids": [f"{2:032x}"], "session_ids": ["s-1"], "retriever_ids": ["ret-0"]},
    ],
    "interactions_of_execution": [{"execution_ids": [f"{2:032x}", f"{1:032x}"]}],
    "interactions_since": [{}],
    "last_shown": [
        {"document_id": "doc-1", "user_id": "user-1", "session_id": "", "query_key": ""},
        {"document_id": "doc-1", "user_id": "", "session_id": "", "query_key": ""},
    ],
    "latest_generation": [{}],
    "learned_weights": [{"retriever_id": "ret-0"}],
    "level_changes": [{"retriever_id": "ret-0"}, {"retriever_id": "ret-0", "user_ids": ["user-1"]}],
    "levels_daily": [{"retriever_id": "ret-0", "searches": ["a", "b"]}],
    "lessons": [{"retriever_id": "ret-0", "generation": 1, "after_seq": 0}],
    "lessons_of_execution": [{"retriever_id": "r", "generation": 1, "execution_id": f"{1:032x}"}],
    "lessons_since": [{}],
    "newest_row": [{}],
    "pending_since": [{}],
    "popularity": [{"interaction_types": ["click"], **USED}, {"interaction_types": ["no"], **USED}],
    "queries_by_prefix": [{"prefix": "", "visitors": 1}, {"prefix": "", "visitors": 9}],
    "queries_of_user": [{"user_id": "user-1", "prefix": ""}],
    "resets": [{"retriever_id": "ret-0", "generation": 1}],
    "rewards_since": [{}],
    "reward_counts": [{"retriever_id": "ret-0"}],
    "segments": [{"retriever_id": "ret-0", "searches": ["a", "b"]}],
    "shadow_clicks": [{"retriever_id": "ret-0", "searches": ["a", "b"]}],
    "shadow_summary": [{"retriever_id": "ret-0", "searches": ["a", "b"]}],
    "table_rows": [{}],
    "weights_daily": [{"retriever_id": "ret-0", "searches": ["a", "b"]}],
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ClickHouse, ClickHouse]]:
    folder = tmp_path_factory.mktemp("both")
    with served(folder) as there, embedded(folder) as here:
        fill(here)
        fill(there)
        yield here, there


def test_every_question_is_asked_here() -> None:
    assert sorted(ASKED) == names()


@pytest.mark.parametrize("question", ASKED)
def test_every_question_has_one_answer(both: tuple[ClickHouse, ClickHouse], question: str) -> None:
    here, there = both
    for parameters in ASKED[question]:
        from desireline.store.queries import load

        scope = {"namespace": "default"} if "namespace" in load(question).parameters else {}
        left, right = (ask(log, question, **(scope | parameters)) for log in (here, there))
        for row in [*left, *right]:
            row.pop("total_bytes", None)
        assert left == right
        assert (
            left
            or question.startswith("lessons")
            or question in {"latest_generation", "resets"}
            or parameters != ASKED[question][0]
        )


def test_pages_follow_each_other(both: tuple[ClickHouse, ClickHouse]) -> None:
    whole = ask(both[0], "interactions_list", namespace="default", direction=-1)
    paged: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while page := ask(
        both[0], "interactions_list", namespace="default", direction=-1, limit=4, **cursor
    ):
        paged += page
        at = datetime.strptime(page[-1]["occurred_at"] + "+0000", "%Y-%m-%d %H:%M:%S.%f%z")
        cursor = {
            "cursor_ms": round(at.timestamp() * 1000),
            "cursor_id": page[-1]["interaction_id"],
        }
    assert paged == whole
    assert len(whole) == 14
