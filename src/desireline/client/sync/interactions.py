# Written by tools/unasync.py from client/aio/interactions.py (`make sync`): change that file.
"""What users do with results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

from desireline.client.answers import (
    Interaction,
    InteractionBatch,
    InteractionDeleted,
    Page,
    Trace,
    UserErased,
)
from desireline.client.batches import MOST_INTERACTIONS, batches, merged
from desireline.client.calls import delete, get, given, once, post
from desireline.client.clicks import act_on, backfilled, named_document
from desireline.client.fields import Body, InteractionFields, Selection
from desireline.client.sync.rows import Resource, Rows

PATH = ("retrievers", "interactions")


class Interactions(Resource):
    """Acts of users on results: click, purchase, skip, …"""

    def create(
        self, feature_id: str | None = None, *, interaction_type: str | Sequence[str],
        document_id: str | None = None, position: int = 0, **fields: Unpack[InteractionFields],
    ) -> Interaction:  # fmt: skip
        """`POST /retrievers/interactions`: record one act; answered when it is on disk.

        `position` is the 0-based place in the list shown. A lost answer is safe: the act is sent
        again under the same key and stored once.
        """
        body = given(
            feature_id=named_document(feature_id, document_id), interaction_type=interaction_type,
            position=position, **fields,
        )  # fmt: skip
        return self._transport.ask(Interaction, once(post(*PATH, body=body)))

    def create_from_result(
        self, result: Any, *, position: int, interaction_type: str | Sequence[str] = ("click",),
        **fields: Unpack[InteractionFields],
    ) -> Interaction:  # fmt: skip
        """`POST /retrievers/interactions`: record an act on the document at `position` of an
        execution. Raises IndexError when the page has no such place.
        """
        body = given(**{**act_on(result, position), "interaction_type": interaction_type, **fields})
        return self._transport.ask(Interaction, once(post(*PATH, body=body)))

    def batch(self, interactions: Iterable[Body]) -> InteractionBatch:
        """`POST /retrievers/interactions/batch`: any number, 1,000 a request.

        A bad row costs only itself: `failed` counts them, `results` says why.
        """
        answers = [
            self._transport.ask_plain(once(post(*PATH, "batch", body={"interactions": rows})))
            for rows in batches(interactions, MOST_INTERACTIONS)
        ]
        return merged(InteractionBatch, answers)

    def backfill(self, interactions: Iterable[Body]) -> InteractionBatch:
        """`POST /retrievers/interactions/batch`: past acts; rows without `occurred_at` are marked
        `backfill`.
        """
        return self.batch(backfilled(row) for row in interactions)

    def list(
        self, *, page_size: int | None = None, **selection: Unpack[Selection]
    ) -> Rows[Interaction]:
        """`POST /retrievers/interactions/list`: all that match, newest first."""
        body = given(page_size=page_size, **selection)
        call = post(*PATH, "list", body=body, is_repeatable=True)
        return Rows(self._transport, Interaction, call)

    def page(
        self, *, page: int = 1, page_size: int = 50, **selection: Unpack[Selection]
    ) -> Page[Interaction]:
        """`POST /retrievers/interactions/list`: one page, at any depth."""
        body = given(page=page, page_size=page_size, **selection)
        call = post(*PATH, "list", body=body, is_repeatable=True)
        found: Page[Interaction] = self._transport.ask(Page[Interaction], call)
        return found

    def get(self, interaction_id: str) -> Interaction:
        """`GET /retrievers/interactions/{id}`: one."""
        return self._transport.ask(Interaction, get(*PATH, interaction_id))

    def trace(self, interaction_id: str) -> Trace:
        """`GET /retrievers/interactions/{id}/trace`: what became of it, up to the weights."""
        return self._transport.ask(Trace, get(*PATH, interaction_id, "trace"))

    def delete(self, interaction_id: str) -> InteractionDeleted:
        """`DELETE /retrievers/interactions/{id}`: the act and what it taught; again is no error."""
        return self._transport.ask(InteractionDeleted, delete(*PATH, interaction_id))

    def delete_of_user(self, user_id: str) -> UserErased:
        """`DELETE /retrievers/interactions?user_id=`: all of a user's, and what they taught."""
        return self._transport.ask(UserErased, delete(*PATH, user_id=user_id))
