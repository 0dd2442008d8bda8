"""How large and how small a number may be that ends in a column of the log.

Knows the bound and its reason: the embedded engine reads an exponent of three digits wrongly
(1e-106 becomes another number), so such a number is refused at the door. Knows no field.
"""

from __future__ import annotations

from desireline.errors import invalid

SMALLEST, LARGEST = 1e-30, 1e30


def fits(number: float) -> bool:
    """Whether a number is 0 or its size lies within 1e-30 to 1e30 (NaN and infinities: no).

    >>> fits(0.0), fits(-2.5), fits(1e-106), fits(1e31), fits(float("nan"))
    (True, True, False, False, False)
    """
    return number == 0 or SMALLEST <= abs(number) <= LARGEST


def check(number: float, path: str) -> None:
    """Raise `errors.Invalid` (`out_of_range`) at `path` for a number that no column takes.

    >>> check(19.9, "$.metadata.order_value")
    """
    if not fits(number):
        name = path.rpartition(".")[2]
        raise invalid(
            path, "out_of_range", f"`{name}` is larger or smaller than the log holds",
            "send 0, or a number whose size lies within 1e-30 to 1e30",
        )  # fmt: skip
