"""Files and functions stay small enough to hold in the head; there is no list of exceptions."""

from __future__ import annotations

import ast

import numpy as np

from tests.house.source import Function, body_lines, functions, place, python_files, tree_of

FILE_LINES = 500
BODY_LINES = 60
BODY_P95 = 30
ARGUMENTS = 6


def arguments(function: Function) -> int:
    """Arguments a caller gives: without self and cls."""
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return len([a for a in named if a.arg not in ("self", "cls")])


def test_no_file_is_longer_than_the_cap():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert not {str(path): lines for path, lines in lengths.items() if lines > FILE_LINES}


def test_no_function_is_longer_than_the_cap():
    long = [
        f"{place(path, function)} {function.name}: {body_lines(function)} lines"
        for path in python_files()
        for function in functions(path)
        if body_lines(function) > BODY_LINES
    ]
    assert not long


def test_nineteen_of_twenty_functions_are_short():
    bodies = [body_lines(f) for path in python_files("src") for f in functions(path)]
    median, p95 = np.percentile(bodies, [50, 95])
    print(f"{len(bodies)} functions, body median {median:.0f}, p95 {p95:.0f}, max {max(bodies)}")
    assert p95 <= BODY_P95


def test_no_function_takes_more_than_six_arguments():
    many = [
        f"{place(path, function)} {function.name}: {arguments(function)} arguments"
        for path in python_files("src")
        for function in functions(path)
        if arguments(function) > ARGUMENTS
    ]
    assert not many


def test_every_module_says_what_it_knows():
    silent = [
        place(path, tree)
        for path in python_files("src")
        if (tree := tree_of(path)).body and not ast.get_docstring(tree)
    ]
    assert not silent
