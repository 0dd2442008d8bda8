"""Batches of interactions from several connections, as fast as the server takes them.

Every act has a user of its own, so that none is a duplicate. Knows what was acknowledged.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec

PATH = "/v1/retrievers/interactions/batch"
GONE = (OSError, http.client.HTTPException)
ONE_OF_TEN_HAS_TWO_TYPES = 10


class Result(msgspec.Struct):
    """Of a batch's answer, what is needed here."""

    status: str
    interaction_id: str


class Answer(msgspec.Struct):
    """A batch's answer."""

    results: list[Result]


_decode = msgspec.json.Decoder(Answer).decode


class Load:
    """`clients` connections sending batches of `rows`; `acknowledged` are bare interaction ids."""

    def __init__(self, url: str, name: str, rows: int = 100, clients: int = 2) -> None:
        self.url, self.name, self.rows = url, name, rows
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()
        self.broken = 0
        self.began = self.last = 0.0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(clients)]

    def start(self) -> None:
        """Begin."""
        self.began = self.last = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> float:
        """End after the batch in hand; acknowledged rows a second."""
        self._stop.set()
        return self.wait()

    def wait(self) -> float:
        """Until every connection ended (the server died); acknowledged rows a second."""
        for thread in self._threads:
            thread.join()
        return len(self.acknowledged) / max(self.last - self.began, 1e-3)

    def _send(self, client: int) -> None:
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        headers = {"Content-Type": "application/json"}
        try:
            for body in self._bodies(client):
                connection.request("POST", PATH, body, headers)
                reply = connection.getresponse()
                content = reply.read()
                self.statuses.add(reply.status)
                if reply.status == 200:
                    results = _decode(content).results
                    self.acknowledged += [each.interaction_id[4:] for each in results]
                    self.last = time.monotonic()
                else:
                    time.sleep(0.02)
        except GONE:
            self.broken += 1
        finally:
            connection.close()

    def _bodies(self, client: int) -> Iterator[bytes]:
        acts = b",".join(map(_act, range(self.rows)))
        number = 0
        while not self._stop.is_set():
            number += 1
            named = acts.replace(b"@", f"{self.name}-{client}-{number}".encode())
            yield b'{"interactions":[' + named + b"]}"


def _act(row: int) -> bytes:
    """An act of user `@-row`."""
    types = '"click","long_view"' if row % ONE_OF_TEN_HAS_TWO_TYPES == 0 else '"click"'
    return (
        f'{{"feature_id":"d{row % 30:02d}","interaction_type":[{types}],"position":{row % 10},'
        f'"user_id":"@-{row}"}}'
    ).encode()


@contextmanager
def under_load(url: str, name: str, **shape: int) -> Iterator[Load]:
    """A load for the duration of a block."""
    load = Load(url, name, **shape)
    load.start()
    try:
        yield load
    finally:
        load.stop()
