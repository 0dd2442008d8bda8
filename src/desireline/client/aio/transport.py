"""Sends calls over kept connections, again where the documented rule says so.

The only module that knows httpx. Knows no route.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx
import msgspec

from desireline.client.calls import CONNECT_S, Call, Target
from desireline.client.errors import ApiError, NoAnswer, NotUnderstood, TimedOut, refusal
from desireline.client.patience import Patience
from desireline.client.reading import read
from desireline.client.streams import Message, Messages

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
# Nothing was sent yet: whatever the call does, it may be made again.
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
NO_ADDRESS = (httpx.InvalidURL, httpx.UnsupportedProtocol)
# A proxy of the environment is for other machines: its own loopback is not ours.
LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


class AsyncTransport:
    """The connections of one client. `timeout_s` is for reading, writing, and a free connection."""

    def __init__(self, target: Target, timeout_s: float, sleep: Sleep | None) -> None:
        self._root = target.base_url.removesuffix("/v1")
        self._sleep: Sleep = sleep or asyncio.sleep
        self._http = httpx.AsyncClient(
            headers=httpx.Headers(target.headers(), encoding="utf-8"),
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            mounts=dict.fromkeys(LOOPBACK),
        )

    async def ask(self, kind: type[T], call: Call) -> T:
        """The answer to a call, as `kind`. Raises ApiError."""
        return read(kind, await self.ask_plain(call))

    async def ask_plain(self, call: Call) -> Any:
        """The answer to a call as decoded JSON (None without a body). Raises ApiError."""
        response = await self._answered(call)
        try:
            return msgspec.json.decode(response.content) if response.content else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _located(
                NotUnderstood(
                    "the answer is not JSON", hint="is the base_url that of a desireline server?"
                ),
                call,
            ) from None

    async def stream(self, call: Call) -> AsyncIterator[Message]:
        """The messages of an answer as they arrive. Raises ApiError."""
        response = await self._answered(call, is_streamed=True)
        messages = Messages()
        try:
            async for line in response.aiter_lines():
                for message in messages.after(line):
                    yield message
        except httpx.TransportError as error:
            raise self._failure(error, call) from error
        finally:
            await response.aclose()

    async def sleep(self, seconds: float) -> None:
        """Wait, as all waiting of this client is done."""
        await self._sleep(seconds)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _answered(self, call: Call, *, is_streamed: bool = False) -> httpx.Response:
        """The first answer below 400, after as many tries as the rule allows."""
        patience = Patience()
        while True:
            try:
                return await self._tried(call, is_streamed=is_streamed)
            except NoAnswer as error:
                wait_s = patience.after_failure() if error.retryable else None
                failed: ApiError = error
            except ApiError as error:
                wait_s = patience.after_refusal(error)
                failed = error
            if wait_s is None:
                raise failed
            await self._sleep(wait_s)

    async def _tried(self, call: Call, *, is_streamed: bool) -> httpx.Response:
        """One try. Raises what the answer says, or NoAnswer."""
        try:
            request = self._http.build_request(
                call.method, self._root + call.base + call.path, content=call.content,
                params=call.query or None, headers=call.headers,
            )  # fmt: skip
            response = await self._http.send(request, stream=True)
            if response.status_code >= 400 or not is_streamed:
                await response.aread()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._failure(error, call) from error
        if response.status_code < 300:
            return response
        if response.status_code < 400:
            where = response.headers.get("location", "")
            raise _located(NotUnderstood("the server sends elsewhere", hint=f"try {where}"), call)
        raise refusal(response.status_code, response.headers, response.content, str(call))

    def _failure(self, error: httpx.TransportError | httpx.InvalidURL, call: Call) -> NoAnswer:
        """What a broken connection means for this call."""
        kind = TimedOut if isinstance(error, httpx.TimeoutException) else NoAnswer
        reason = str(error) or type(error).__name__
        if isinstance(error, UNSENT + NO_ADDRESS):
            message = f"no desireline server answers at {self._root} ({reason})"
            hint = "start one with `desireline serve`, or give the address of another"
        else:
            message = f"the server at {self._root} gave no whole answer ({reason})"
            hint = "its log may say why"
        failure = kind(message, hint=hint, details={"retryable": _may_repeat(error, call)})
        return _located(failure, call)


E_T = TypeVar("E_T", bound=ApiError)


def _located(error: E_T, call: Call) -> E_T:
    error.call = str(call)
    return error


def _may_repeat(error: httpx.TransportError | httpx.InvalidURL, call: Call) -> bool:
    """Nothing arrived, or a second time does no harm. A slow answer is not asked for again."""
    if isinstance(error, NO_ADDRESS):
        return False
    if isinstance(error, UNSENT):
        return True
    return call.is_repeatable and not isinstance(error, httpx.TimeoutException)
