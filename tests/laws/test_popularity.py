"""The law of popularity: what the log counts in SQL is the formula of the core, on every log."""

from __future__ import annotations

from statistics import median

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.popularity import Act, half_life_ms, position_weights, used
from desireline.core.times import from_row_time
from desireline.store.clickhouse import ClickHouse
from desireline.types.log import NO_ID
from tests.builders import json_lines
from tests.laws.test_event_log import NAMESPACES, TOKENS, interactions, law, log
from tests.store.event_logs import ask

__all__ = ["log"]


@law
@given(data=st.data(), window_days=st.sampled_from([0.5, 7.0, 90.0]))
def test_popularity_is_the_formula(
    log: ClickHouse, data: st.DataObject, window_days: float
) -> None:
    namespace, now_ms = next(NAMESPACES), from_row_time("2026-11-02 23:59:59.999")
    places = st.fixed_dictionaries({
        "position": st.integers(-1, 30), "session_id": st.sampled_from(["", "s1"]),
        "execution_id": st.sampled_from([NO_ID, "ab" * 16]),
    })  # fmt: skip
    rows = [
        msgspec.structs.replace(row, **data.draw(places))
        for row in data.draw(interactions(namespace))
    ]
    log.insert("interactions", json_lines(*rows), next(TOKENS))
    (found,) = ask(
        log, "popularity", namespace=namespace, interaction_types=["click", "skip"],
        purposes=["traffic"], since_ms=now_ms - round(window_days * 86_400_000), before_ms=now_ms,
        half_life_ms=half_life_ms(window_days), position_weights=position_weights(), per_visitor=3,
    )  # fmt: skip
    acts: dict[str, list[Act]] = {}
    for row in rows:
        if row.purpose == "traffic" and {"click", "skip"} & {*row.interaction_type}:
            execution = "" if row.execution_id == NO_ID else row.execution_id
            visitor = row.user_id or row.session_id or execution or row.interaction_id
            act = Act(visitor, now_ms - from_row_time(row.occurred_at), row.position)
            acts.setdefault(row.document_id, []).append(act)
    expected = {document: used(own, window_days) for document, own in acts.items()}
    expected = {document: count for document, count in expected.items() if count}
    assert dict(zip(found["document_ids"], found["counts"], strict=True)) == pytest.approx(expected)
    assert found["documents"] == len(expected)
    assert found["median"] == pytest.approx(median(expected.values()) if expected else 0.0)
