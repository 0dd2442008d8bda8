"""The demo itself: the library is imported, then simulated users are let loose on it.

The same simulation as that of `desireline simulate` and of the page, as a task of the demo's
server, so that the page shows it too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import msgspec

from desireline.cli.demo import api, corpus
from desireline.cli.demo.corpus import LibraryDocument
from desireline.cli.screen import Presenter, Screen
from desireline.client import Client
from desireline.simulation import people, subjects
from desireline.simulation.measure import Progress
from desireline.simulation.subjects import Fields, Subject
from desireline.simulation.telling import Cancelled, simulate_and_tell
from desireline.types.simulation import Asked

FIELDS = Fields(naming="name", describing="summary")


def play(client: Client, screen: Screen, arguments: argparse.Namespace) -> str:
    """All of it; returns the closing sentence."""
    with screen:
        documents = corpus.documents()
        presenter = Presenter(screen, _title(documents, arguments.taste), api.LABELS)
        _prepare(client, documents, presenter)
        asked = Asked(
            retriever=api.LEARNED, searches=arguments.searches, taste=arguments.taste,
            seed=arguments.seed, prefix="",
        )  # fmt: skip
        try:
            return simulate_and_tell(client, asked, presenter, _subjects(documents)).sentence
        except Cancelled:
            return "Somebody ended the simulation before its verdict."


def _prepare(client: Client, documents: Sequence[LibraryDocument], presenter: Presenter) -> None:
    at = Progress(phase="importing documents", total=len(documents))

    def advance(count: int) -> None:
        nonlocal at
        at = msgspec.structs.replace(at, done=at.done + count)
        presenter(at)

    presenter(at)
    api.make_retriever(client, api.make_library(client, documents, advance))


def _subjects(documents: Sequence[LibraryDocument]) -> list[Subject]:
    rows: list[dict[str, Any]] = [msgspec.structs.asdict(each) for each in documents]
    return subjects.subjects_of(rows, FIELDS)


def _title(documents: Sequence[LibraryDocument], taste: str) -> str:
    modules = len({document.module for document in documents})
    return (
        f"{len(documents):,} documents: docstrings of {modules} modules of this Python's own"
        f" library\n{people.USERS} simulated users in three segments; taste: {taste}"
    )
