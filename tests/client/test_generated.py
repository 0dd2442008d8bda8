"""The two clients are one: the synchronous files are what the tool writes, method for method."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from desireline import AsyncClient, Client
from tools import unasync

SYNC_OF = {"aclose": "close", "__aiter__": "__iter__", "__aenter__": "__enter__"}


def groups(client: object) -> dict[str, object]:
    """The resources of a client."""
    return {name: value for name, value in vars(client).items() if not name.startswith("_")}


def methods(thing: object) -> Iterator[str]:
    """The public methods and properties of an object's class."""
    return (name for name in dir(type(thing)) if not name.startswith("_"))


def test_the_synchronous_files_are_written_from_the_others():
    assert unasync.drifted() == [], "run `make sync`"


def test_they_say_so():
    for path, text in unasync.written().items():
        assert text.startswith("# Written by tools/unasync.py from client/aio/"), path
        assert not {"async ", "await ", "Async"} & {
            w for w in ("async ", "await ", "Async") if w in text
        }


def test_a_change_is_found(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unasync, "TARGET", tmp_path / "sync")
    assert len(unasync.drifted()) == len([*unasync.SOURCE.glob("*.py")])


def test_both_have_the_same_methods_with_the_same_arguments():
    waiting, blocking = groups(AsyncClient()), groups(Client())
    assert list(waiting) == list(blocking)
    for name, group in waiting.items():
        assert [*methods(group)] == [*methods(blocking[name])], name
        for method in methods(group):
            ours, theirs = getattr(type(group), method), getattr(type(blocking[name]), method)
            if callable(ours):
                assert [*inspect.signature(ours).parameters] == [
                    *inspect.signature(theirs).parameters
                ], (name, method)
