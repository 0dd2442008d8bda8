"""The Python client: `Client` and, with the same methods awaited, `AsyncClient`.

`aio/` is written by hand, `sync/` from it (`tools/unasync.py`). Knows the wire as a caller sees it;
nothing of server, engine, or numpy.
"""

from desireline.client.aio.client import AsyncClient
from desireline.client.errors import ApiError
from desireline.client.sync.client import Client

__all__ = ["ApiError", "AsyncClient", "Client"]
