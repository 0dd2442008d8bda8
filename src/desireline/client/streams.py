"""Reads server-sent messages line by line (the `text/event-stream` format of the HTML standard).

Pure: lines in, messages out. Knows what a stage reports only by the message's name.
"""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.client.answers import Happening
from desireline.client.reading import Answer, read


class Message(Answer, frozen=True):
    """What happened during a streamed search; `kind` is `stage_start`, `execution_complete`, …"""

    kind: str = ""


def happenings(message: Message) -> list[Happening]:
    """What a message of the live feed tells; last, of kind `lost`, how many it left out."""
    found = [read(Happening, each) for each in message["happened"]]
    lost = message["lost"]
    return [*found, read(Happening, {"kind": "lost", "lost": lost})] if lost else found


class Messages:
    """One stream, as far as it has been read.

    >>> messages = Messages()
    >>> lines = ["event: stage_start", 'data: {"stage": "find"}', "", ": alive", ""]
    >>> [(m.kind, m.stage) for line in lines for m in messages.after(line)]
    [('stage_start', 'find')]
    """

    def __init__(self) -> None:
        self._kind = ""
        self._data: list[str] = []

    def after(self, line: str) -> list[Message]:
        """What this line completes: one message, or none yet."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        elif not line and self._data:
            return [self._complete()]
        return []

    def _complete(self) -> Message:
        raw = msgspec.json.decode("\n".join(self._data))
        body: dict[str, Any] = raw if isinstance(raw, dict) else {"value": raw}
        named = body.get("event_type") or body.get("event") or body.get("type")
        kind = self._kind or str(named or "")
        self._kind, self._data = "", []
        return read(Message, {**body, "kind": kind})
