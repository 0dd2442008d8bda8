"""Many rows as several requests, and their answers as one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from desireline.client.reading import read

T = TypeVar("T")
BATCH = 500
MOST_INTERACTIONS = 1000


def batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """The rows, `size` at a time.

    >>> [*batches("abcde", 2)]
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    left = iter(rows)
    while batch := [*islice(left, size)]:
        yield batch


def merged(kind: type[T], answers: list[dict[str, Any]]) -> T:
    """The answers about consecutive batches as one: counts added, `index` counted on.

    >>> from desireline.client.answers import Upserted
    >>> part = {"upserted": 1, "results": [{"index": 0}]}
    >>> both = merged(Upserted, [part, part])
    >>> both.upserted, [row.index for row in both.results]
    (2, [0, 1])
    """
    whole: dict[str, Any] = {}
    for answer in answers:
        done = len(whole.get("results", []))
        for name, value in answer.items():
            _add(whole, name, _moved(value, done) if name == "results" else value)
    return read(kind, whole)


def _add(whole: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(value, int | float | list) and not isinstance(value, bool):
        whole[name] = whole[name] + value if name in whole else value
    else:
        whole.setdefault(name, value)


def _moved(results: list[dict[str, Any]], done: int) -> list[dict[str, Any]]:
    return [{**each, "index": each["index"] + done} for each in results]
