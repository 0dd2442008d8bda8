"""The route that tells what happens as it happens: executions, interactions, lessons, weights,
tasks.

Knows the feed and the form of a stream; what a happening looks like is `wire/live.py`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import get
from litestar.params import FromQuery, QueryParameter

from desireline.core.shapes import nearest
from desireline.errors import invalid
from desireline.http.caller import AnyRequest, admitted
from desireline.http.streaming import as_stream
from desireline.http.wire.live import LiveMessage, message_of
from desireline.steps.feed import Listener
from desireline.types.happenings import KINDS

PAUSE_S = 0.2
Which = Annotated[str, QueryParameter(description=f"any of {', '.join(KINDS)}; with commas")]
Whose = Annotated[str, QueryParameter(description="one retriever, by id or name")]


@get("/v1/live", media_type="text/event-stream")
async def get_live(
    request: AnyRequest, retriever: Whose = "", kinds: Which = "", *, follow: FromQuery[bool] = True
) -> LiveMessage:
    """Watch the namespace: server-sent messages of what happens, as long as you listen.

    The first message, at once, has what is remembered (up to 100, oldest first); then at most one
    every 200 ms. `follow=false` ends behind the first.
    """
    system, caller = admitted(request, "read")
    system.feed.admit()
    retriever_id = ""
    if retriever:
        served = system.live.retriever(caller.namespace, retriever)
        retriever_id = served.retriever.retriever_id
    listener = Listener(caller.namespace, retriever_id, _kinds(kinds))
    # The time of a stream is how long somebody listened: no measure of the server.
    request.scope["answered_at"] = time.perf_counter()  # type: ignore[typeddict-unknown-key]
    stream: Any = as_stream(_messages(system, listener, follow=follow))
    return stream  # type: ignore[no-any-return]  # a Response: Litestar passes it on


def _kinds(asked: str) -> tuple[str, ...]:
    """The kinds asked for, () for all. Raises Invalid."""
    found = tuple(kind.strip() for kind in asked.split(",") if kind.strip())
    for kind in found:
        if kind not in KINDS:
            raise invalid(
                "query.kinds", "wrong_value", f"nothing of kind `{kind}` happens",
                f"{nearest(kind, KINDS)}; any of: {', '.join(KINDS)}",
            )  # fmt: skip
    return found


async def _messages(system: Any, listener: Listener, *, follow: bool) -> AsyncIterator[bytes]:
    """What is remembered, then what happens, until the listener leaves or the server stops."""
    feed, live = system.feed, system.live
    feed.listen(listener)
    try:
        yield message_of(feed.remembered(listener), 0, live)
        while follow and await listener.wait():
            found, lost = listener.take()
            if found or lost:
                yield message_of(found, lost, live)
            await asyncio.sleep(PAUSE_S)
    finally:
        feed.leave(listener)


HANDLERS = [get_live]
