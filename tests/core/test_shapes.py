"""What does not fit a struct is named with its place, also far down a long list."""

from __future__ import annotations

import msgspec
import pytest

from desireline.core.shapes import MOST_ENTRIES, convert
from desireline.errors import Invalid


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 0


class Body(msgspec.Struct, forbid_unknown_fields=True):
    entries: list[Entry]


@pytest.mark.parametrize("place", [0, MOST_ENTRIES + 5])
def test_an_unknown_field_is_named_wherever_it_stands(place: int) -> None:
    entries: list[object] = [{} for _ in range(place)]
    with pytest.raises(Invalid) as refused:
        convert({"entries": [*entries, {"sise": 1}]}, Body)
    (field,) = refused.value.fields
    assert (field.path, field.code) == (f"$.entries[{place}].sise", "unknown_field")
    assert "size" in field.hint


def test_a_wrong_type_far_down_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        convert({"entries": [{}] * (MOST_ENTRIES + 5) + [{"size": "x"}]}, Body)
    assert refused.value.fields[0].path == f"$.entries[{MOST_ENTRIES + 5}].size"
