"""Error codes and hints of the sources: stable in shape, met by a test, with a next step."""

from __future__ import annotations

import ast
import re
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "desireline"
# Raised while starting or stopping, and where a library gives no better words.
ELSEWHERE = {"not_ready", "bad_request", "execution_not_found"}
SHAPE = re.compile(r"[a-z][a-z0-9_]*")


def code_literals() -> dict[str, list[str]]:
    """Every literal `code` in the sources, with where it stands."""
    found: dict[str, list[str]] = {}
    for path in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for code in _codes(node):
                found.setdefault(code, []).append(f"{path.relative_to(SRC)}:{node.lineno}")
    return found


def _codes(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        second = node.args[1:2] if name in ("invalid", "FieldError") else []
        named = [each.value for each in node.keywords if each.arg == "code"]
        return [e.value for e in (*second, *named)
                if isinstance(e, ast.Constant) and isinstance(e.value, str)]  # fmt: skip
    return []


def test_every_code_is_stable_in_shape_and_documented_by_use():
    codes = code_literals()
    assert len(codes) > 25
    assert [code for code in codes if not SHAPE.fullmatch(code)] == []
    tests = "".join(path.read_text() for path in SRC.parents[1].joinpath("tests").rglob("*.py"))
    untested = {
        code: places for code, places in codes.items()
        if f'"{code}"' not in tests and code not in ELSEWHERE
        and places[0].partition("/")[0] in ("http", "core", "steps")
    }  # fmt: skip
    assert untested == {}


def test_every_refusal_of_the_http_layer_says_what_next():
    """An error that is raised by hand has a hint unless its message already names the only way."""
    bare = []
    for path in sorted((SRC / "http").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "BadRequest", "NotAvailable", "Forbidden", "Unauthorized", "PayloadTooLarge"
            ) and not any(each.arg == "hint" for each in node.keywords):  # fmt: skip
                bare.append(f"{path.name}:{node.lineno}")
    assert bare == []
