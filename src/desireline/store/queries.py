"""The questions the log answers: one file each in `queries/`, loaded once, parameters bound by
type.

Knows the form of a query file (a header of four comment lines, `{name:Type}` parameters) and
nothing of clients or of what a question is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec

PARAMETER = re.compile(r"\{(\w+):([^{}]+)\}")


class Question(msgspec.Struct, frozen=True):
    """A query file: its statement without comments, and its parameters with their types."""

    name: str
    sql: str
    parameters: dict[str, str]


def names() -> list[str]:
    """The names of all questions, sorted.

    >>> "interaction_by_id" in names()
    True
    """
    folder = resources.files("desireline.store").joinpath("queries")
    return sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".sql"))


@cache
def load(name: str) -> Question:
    """The question of that name; raises `KeyError` when there is no such file.

    >>> load("interaction_by_id").parameters
    {'namespace': 'String', 'interaction_id': 'UUID'}
    """
    file = resources.files("desireline.store").joinpath("queries", f"{name}.sql")
    if not file.is_file():
        raise KeyError(f"no question {name!r} in store/queries")
    lines = file.read_text(encoding="utf-8").splitlines()
    sql = "\n".join(line for line in lines if not line.startswith("--"))
    return Question(name, sql, dict(PARAMETER.findall(sql)))


def bind(question: Question, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters to send: every one that the question has, none that it does not have.

    A parameter of an `Array` type may be left out: it is empty, which the questions read as *all*.

    >>> bind(load("interaction_by_id"), {"namespace": "a"})
    Traceback (most recent call last):
        ...
    ValueError: interaction_by_id: missing ['interaction_id'], unknown []
    """
    bound: dict[str, Any] = {
        name: [] for name, kind in question.parameters.items() if kind.startswith("Array(")
    }
    bound.update({name: list(value) if name in bound else value for name, value in given.items()})
    missing = sorted(question.parameters.keys() - bound.keys())
    unknown = sorted(bound.keys() - question.parameters.keys())
    if missing or unknown:
        raise ValueError(f"{question.name}: missing {missing}, unknown {unknown}")
    return bound
