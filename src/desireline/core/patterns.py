"""Words and regular expressions in filters, with a bound on how long a match can take.

Knows which patterns are safe to run on foreign text. Does not know documents.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from desireline.errors import Invalid, invalid

MAX_PATTERN = 256
READ = 1_000
"""Only this many first characters of a value are searched by a pattern."""
MAX_COST = READ + 1
"""Ways to match from one place: one unbounded repeat, or choices and short repeats instead."""
MOST_MS = 1_000
"""Patterns of one filter may take so long over all documents; those who run them keep to it."""
_WORD = re.compile(r"\w+")
_PLAIN = (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY, sre.AT)
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)


def words(text: str) -> list[str]:
    """Words of a text, case folded: what `text`, `phrase` and `words` compare.

    >>> words("Über-cool 4K TV")
    ['über', 'cool', '4k', 'tv']
    """
    return _WORD.findall(text.casefold())


def check(pattern: str, path: str = "$") -> None:
    """Refuse (`errors.Invalid`, `invalid_regex`) what is no pattern, or could take too long.

    A pattern may hold one unbounded repeat besides a leading and a trailing `.*`; no repeat around
    a choice or another repeat that has no small bound, no back reference, no look-around.

    >>> check("^B0[0-9A-Z]+$")
    >>> check("(a+)+$")
    Traceback (most recent call last):
    desireline.errors.Invalid: the pattern could take too long on some texts
    """
    hint = "use starts_with, ends_with or contains, or two patterns joined by AND"
    try:
        if len(pattern) > MAX_PATTERN:
            raise ValueError(f"a pattern has at most {MAX_PATTERN} characters")
        cost = _cost(sre_parser.parse(_trimmed(pattern)))
        _compiled(pattern, False)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise invalid(path, "invalid_regex", f"not a usable pattern: {error}", hint) from error
    if cost > MAX_COST:
        message = "the pattern could take too long on some texts"
        raise invalid(path, "invalid_regex", message, hint)


def too_slow(path: str) -> Invalid:
    """What is raised when a filter with a pattern took longer than `MOST_MS`."""
    return invalid(
        path, "invalid_regex",
        f"the pattern took longer than {MOST_MS / 1000:g} s on these documents",
        "use starts_with, ends_with or contains, or add conditions that leave fewer documents",
    )  # fmt: skip


def found(pattern: str, text: str, *, folded: bool) -> bool:
    """Whether the pattern occurs in the first 1,000 characters.

    >>> found("^ac", "Acme", folded=True), found("^ac", "Acme", folded=False)
    (True, False)
    """
    return _compiled(pattern, folded).search(text[:READ]) is not None


@functools.lru_cache(512)
def _compiled(pattern: str, folded: bool) -> re.Pattern[str]:  # noqa: FBT001
    return re.compile(_trimmed(pattern), re.IGNORECASE if folded else 0)


def _trimmed(pattern: str) -> str:
    """Without a leading and a trailing `.*`, which a search does not need."""
    bare = pattern.removeprefix(".*")
    return bare if bare.endswith("\\.*") else bare.removesuffix(".*")


def _cost(parsed: Iterable[tuple[Any, Any]]) -> float:
    """An upper bound of the ways to match from one place: products of choices and repeats."""
    cost = 1.0
    for operation, argument in parsed:
        cost *= _step(operation, argument)
    return cost


def _step(operation: Any, argument: Any) -> float:
    if operation in _PLAIN:
        return 1
    if operation is sre.SUBPATTERN:
        return _cost(argument[3])
    if operation is sre.BRANCH:
        return sum(_cost(choice) for choice in argument[1])
    if operation in _REPEATS:
        least, most, body = argument
        return _repeated(min(int(least), READ), min(int(most), READ), _cost(body))
    raise ValueError("back references and look-around are not allowed")


def _repeated(least: int, most: int, inner: float) -> float:
    """Ways to repeat: how often, times the ways of every round; too many rounds never end."""
    rounds = 1.0 if inner == 1 else float("inf") if most > 10 else inner**most
    return (most - least + 1) * rounds
