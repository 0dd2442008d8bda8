"""Pages of a ranking on the wire: which one is asked for, and where the next one begins.

Knows how a place becomes an opaque text and a keyset; not what is remembered there.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

import msgspec

from desireline.core.ids import is_id, prefixed
from desireline.errors import Invalid, invalid
from desireline.steps.serve import DEEPEST, Place

MOST = 500
_FIELDS = {
    "offset": ("page_number", "page_size"), "cursor": ("limit", "cursor"),
    "scroll": ("limit", "scroll_id", "scroll_ttl"), "keyset": ("limit", "after"),
}  # fmt: skip
_encode = msgspec.json.Encoder().encode
_PATH = "$.pagination"


class PageAsked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One page of a ranking. Without `method`: by number if a page is named, else by cursor.

    offset: `page_number`, `page_size`. cursor: `limit`, `cursor`. scroll: `limit`, `scroll_id`,
    `scroll_ttl` in seconds. keyset: `limit`, `after`.
    """

    method: Literal["offset", "cursor", "scroll", "keyset"] | None = None
    page_number: Annotated[int, msgspec.Meta(ge=1, le=DEEPEST)] | None = None
    page_size: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    cursor: str | None = None
    scroll_id: str | None = None
    scroll_ttl: Annotated[int, msgspec.Meta(ge=60, le=3600)] | None = None
    after: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        """The method, said or meant."""
        if self.method is not None:
            return self.method
        named = {name for name in self.__struct_fields__ if getattr(self, name) is not None}
        if named & {"page_number", "page_size"}:
            return "offset"
        if named & {"scroll_id", "scroll_ttl"}:
            return "scroll"
        return "keyset" if "after" in named else "cursor"

    @property
    def size(self) -> int:
        """Documents of the page."""
        if self.kind == "offset":
            return self.page_size or 10
        return self.limit or (100 if self.kind == "scroll" else 10)

    @property
    def ttl_ms(self) -> int:
        """How long a scroll may rest."""
        return 1000 * (self.scroll_ttl or 300)

    def begins(self) -> tuple[int, Place | None]:
        """The offset, or the place the page lies behind. Raises Invalid."""
        self._check()
        if self.kind == "offset":
            return ((self.page_number or 1) - 1) * self.size, None
        if self.kind == "keyset":
            return 0, _from_keyset(self.after) if self.after else None
        name = "cursor" if self.kind == "cursor" else "scroll_id"
        token = getattr(self, name)
        return 0, from_token(token, f"{_PATH}.{name}") if token else None

    def _check(self) -> None:
        """Fields of one method only, within its bounds."""
        for name in self.__struct_fields__[1:]:
            if getattr(self, name) is not None and name not in _FIELDS[self.kind]:
                raise invalid(
                    f"{_PATH}.{name}", "contradiction",
                    f"`{name}` does not belong to pages by {self.kind}",
                    f"{self.kind} takes: {', '.join(_FIELDS[self.kind])}",
                )  # fmt: skip
        if self.kind != "scroll" and self.size > MOST:
            raise invalid(
                f"{_PATH}.limit", "wrong_value", f"`limit` is above {MOST}", "ask for less"
            )
        if self.kind == "offset" and (self.page_number or 1) * self.size > DEEPEST:
            raise invalid(
                f"{_PATH}.page_number", "wrong_value",
                f"pages by number end at document {DEEPEST}", "narrow the search with filters",
            )  # fmt: skip


class _Token(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    execution_id: str
    offset: Annotated[int, msgspec.Meta(ge=1, le=DEEPEST)]
    mark: Annotated[str, msgspec.Meta(min_length=24, max_length=24)]
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0


class _Keyset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    execution_id: str
    rank: Annotated[int, msgspec.Meta(ge=0, lt=DEEPEST)]
    mark: Annotated[str, msgspec.Meta(min_length=24, max_length=24)]


def to_token(place: Place) -> str:
    """A place as an opaque text.

    >>> place = Place(execution_id="0" * 32, offset=10, mark="a" * 24)
    >>> from_token(to_token(place), place.path) == place
    True
    """
    token = _Token(place.execution_id, place.offset, place.mark, place.until_ms)
    return base64.urlsafe_b64encode(_encode(token)).decode().rstrip("=")


def from_token(token: str, path: str) -> Place:
    """The place behind a text. Raises Invalid for a text that is none of ours."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        found = msgspec.json.decode(raw, type=_Token)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise _not_ours(path) from None
    return _place(found.execution_id, found.offset, found.mark, found.until_ms, path)


def to_keyset(place: Place) -> dict[str, Any]:
    """A place as the `after` of a keyset: behind this rank of this execution."""
    return {
        "execution_id": prefixed("exec", place.execution_id), "rank": place.offset - 1,
        "mark": place.mark,
    }  # fmt: skip


def _from_keyset(after: dict[str, Any]) -> Place:
    path = f"{_PATH}.after"
    try:
        found = msgspec.convert(after, _Keyset)
    except msgspec.ValidationError:
        raise _not_ours(path) from None
    return _place(
        found.execution_id.removeprefix("exec_"), found.rank + 1, found.mark, 0, path
    )  # fmt: skip


def _place(execution_id: str, offset: int, mark: str, until_ms: int, path: str) -> Place:
    if not is_id(execution_id):
        raise _not_ours(path)
    return Place(execution_id=execution_id, offset=offset, mark=mark, until_ms=until_ms, path=path)


def _not_ours(path: str) -> Invalid:
    return invalid(
        path, "invalid_cursor", f"`{path.rpartition('.')[2]}` is not one of ours",
        "send what pagination of the page before holds, unchanged",
    )  # fmt: skip


def page_out(
    total: int, returned: int, begun: int, place: Place | None, sent: PageAsked | None, now_ms: int
) -> dict[str, Any]:
    """The pagination block of an answer; `begun` documents came before, `place` is the next one's.

    `now_ms` is when it was answered: a scroll rests from then on.
    """
    found: dict[str, Any] = {
        "total": total, "returned": returned, "has_next": total > begun + returned,
        "next_cursor": to_token(place) if place else None,
    }  # fmt: skip
    if sent is None:
        return found
    found = {"method": sent.kind} | found
    if sent.kind == "offset":
        return found | {"page_number": sent.page_number or 1, "page_size": sent.size}
    found["limit"] = sent.size
    if sent.kind == "cursor":
        found["cursor"] = found["next_cursor"]
    elif sent.kind == "keyset":
        found["after"] = to_keyset(place) if place else None
    else:
        rests = place and msgspec.structs.replace(place, until_ms=now_ms + sent.ttl_ms)
        found["scroll_id"] = found["next_cursor"] = to_token(rests) if rests else None
    return found


__all__ = ["PageAsked", "from_token", "page_out", "to_keyset", "to_token"]
