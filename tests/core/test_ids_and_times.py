"""Ids are ordered by time and accepted in every form; times go round without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core import ids, times
from desireline.errors import Invalid

moments = st.integers(0, times.LATEST_MS)
bits = st.integers(0, 2**ids.RANDOM_BITS - 1)


@given(moments, bits)
def test_a_new_id_is_a_uuid_version_7_holding_its_time(now_ms, random_bits):
    made = ids.new_id(now_ms, random_bits)
    assert ids.is_id(made)
    assert made[12] == "7"
    assert made[16] in "89ab"
    assert ids.milliseconds(made) == now_ms


@given(moments, bits, bits)
def test_ids_differ_when_their_random_bits_differ(now_ms, one, other):
    assert (ids.new_id(now_ms, one) == ids.new_id(now_ms, other)) == (one == other)


@given(moments, moments, bits, bits)
def test_later_ids_sort_later(one, other, first, second):
    if one < other:
        assert ids.new_id(one, first) < ids.new_id(other, second)


@given(moments, bits)
def test_every_form_of_an_id_is_stripped_to_the_same_hex(now_ms, random_bits):
    made = ids.new_id(now_ms, random_bits)
    dashed = "-".join((made[:8], made[8:12], made[12:16], made[16:20], made[20:]))
    forms = [made, made.upper(), dashed, ids.prefixed("exec", made), "exec_" + dashed]
    assert {ids.strip(form, "exec_", "int") for form in forms} == {made}


@pytest.mark.parametrize(
    "bad",
    ["", "exec_", "exec_abc123xyz", "0" * 31, "0" * 33, "g" * 32, "int_" + "0" * 32, "٣" * 32],
)
def test_anything_else_is_refused_with_its_path(bad):
    with pytest.raises(Invalid) as caught:
        ids.strip(bad, "exec_", path="$.execution_id")
    assert caught.value.code == "invalid_id"
    assert caught.value.fields[0].path == "$.execution_id"


@given(moments)
def test_times_go_round(ms):
    assert times.from_row_time(times.row_time(ms)) == ms
    assert times.parse_iso(times.iso(ms)) == ms
    assert times.parse_iso(times.row_time(ms)) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01 00:00:01", 1000),
        ("19700101T000001Z", 1000),
        ("1970-01-01T00:00:00.0019999Z", 1),
    ],
)
def test_iso_forms(text, ms):
    assert times.parse_iso(text) == ms


@pytest.mark.parametrize(
    "bad",
    ["", "now", "2024-13-01", "2024-W01-1", "1969-12-31T23:59:59Z", "2300-01-01", "9" * 500,
     "0001-01-01T00:00:00+23:59", "2024-01-01T25:00:00Z", "1700000000"],
)  # fmt: skip
def test_what_is_no_time_is_refused(bad):
    with pytest.raises(Invalid) as caught:
        times.parse_iso(bad, "$.timestamp")
    assert caught.value.fields[0].path == "$.timestamp"
