"""The documented retry rule, against a server that refuses, drops connections, or is not there."""

from __future__ import annotations

import asyncio
import socket

import pytest

from desireline import ApiError, AsyncClient, Client
from desireline.client.errors import NoAnswer, TimedOut, TooManyRequests, Unavailable
from tests.client.scripted import DROP, HALF, Told, refusal, scripted
from tests.e2e.live import free_port

OK = Told(200, {"flushed": True})
ACT = {"interaction_type": "click", "position": 0}


def flush(url: str, **fields) -> tuple[list[float], object]:
    """One repeatable call: how long the client slept, and what it returned or raised."""
    slept: list[float] = []
    with Client(base_url=url, sleep=slept.append, **fields) as client:
        try:
            return slept, client.admin.flush()
        except ApiError as error:
            return slept, error


def test_the_header_names_the_wait():
    with scripted(Told(429, {}, {"Retry-After": "3"}), OK) as script:
        slept, answer = flush(script.url)
    assert slept == [3.0]
    assert answer.flushed
    assert len(script.asked) == 2


def test_without_the_header_the_body_does():
    with scripted(refusal(503, retry_after_seconds=7), OK) as script:
        assert flush(script.url)[0] == [7.0]


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "0", "-1", "nan", "inf"])
def test_a_header_that_is_no_number_of_seconds_leaves_it_to_the_body(header: str):
    first = refusal(503, retry_after_seconds=4)
    with scripted(first._replace(headers={"Retry-After": header}), OK) as script:
        assert flush(script.url)[0] == [4.0]


def test_without_either_it_doubles_up_to_30_seconds_and_180_in_total():
    with scripted(refusal(503)) as script:
        slept, error = flush(script.url)
    assert slept == [2, 4, 8, 16, 30, 30, 30, 30, 30]
    assert sum(slept) == 180
    assert isinstance(error, Unavailable)
    assert error.retryable
    assert len(script.asked) == 10


def test_one_wait_is_at_most_30_seconds():
    with scripted(Told(429, {}, {"Retry-After": "3600"}), OK) as script:
        assert flush(script.url)[0] == [30.0]


def test_nothing_is_repeated_that_is_not_retryable():
    with scripted(refusal(503, retryable=False)) as script:
        slept, error = flush(script.url)
    assert (slept, len(script.asked)) == ([], 1)
    assert isinstance(error, Unavailable)
    assert not error.retryable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500, 502, 504, 507])
def test_only_429_and_503_are_repeated(status: int):
    with scripted(refusal(status, retryable=True)) as script:
        slept, error = flush(script.url)
    assert (slept, len(script.asked)) == ([], 1)
    assert error.status == status


def test_a_write_that_was_refused_is_repeated_since_nothing_was_stored():
    with scripted(refusal(429), Told(200, {"retriever_id": "ret_1", "retriever_name": "x"})) as s:
        slept: list[float] = []
        with Client(base_url=s.url, sleep=slept.append) as client:
            assert client.retrievers.create("x", stages=[]).retriever_id == "ret_1"
    assert slept == [2.0]
    assert s.asked[0].body == s.asked[1].body


def test_giving_up_raises_the_last_refusal():
    with scripted(Told(429, refusal(429).body, {"Retry-After": "100"})) as script:
        slept, error = flush(script.url)
    assert slept == [30.0] * 6
    assert isinstance(error, TooManyRequests)


@pytest.mark.parametrize("broken", [DROP, HALF])
def test_a_dropped_connection_is_tried_twice_more(broken: str):
    with scripted(broken, broken, OK) as script:
        slept, answer = flush(script.url)
    assert slept == [0.3, 0.6]
    assert answer.flushed


def test_and_then_no_more():
    with scripted(DROP) as script:
        slept, error = flush(script.url)
    assert (slept, len(script.asked)) == ([0.3, 0.6], 3)
    assert type(error) is NoAnswer
    assert (error.status, error.call) == (0, "POST /v1/admin/flush")


def test_what_may_have_been_done_is_not_done_again():
    with scripted(DROP) as script:
        slept: list[float] = []
        with (
            Client(base_url=script.url, sleep=slept.append) as client,
            pytest.raises(NoAnswer) as caught,
        ):
            client.retrievers.create("x", stages=[])
    assert (slept, len(script.asked)) == ([], 1)
    assert not caught.value.retryable


def test_an_interaction_is_sent_again_under_one_key():
    with scripted(DROP, refusal(503), Told(200, {"interaction_id": "int_1"})) as script:
        slept: list[float] = []
        with Client(base_url=script.url, sleep=slept.append) as client:
            assert client.interactions.create("d1", **ACT).interaction_id == "int_1"
            client.interactions.create("d1", **ACT)
    keys = [each.headers["Idempotency-Key"] for each in script.asked]
    assert slept == [0.3, 2.0]
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


def test_nobody_there():
    slept, error = flush(f"http://127.0.0.1:{free_port()}")
    assert slept == [0.3, 0.6]
    assert type(error) is NoAnswer
    assert error.message.startswith("no desireline server answers at http://127.0.0.1:")
    assert "desireline serve" in error.hint
    assert error.retryable


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port"])
def test_what_is_no_address_is_not_tried_again(url: str):
    slept, error = flush(url)
    assert (slept, type(error)) == ([], NoAnswer)
    assert error.message.startswith(f"no desireline server answers at {url.rstrip('/')} (")


def test_a_proxy_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with scripted(OK) as script:
        assert flush(script.url)[1].flushed
        assert flush(script.url.replace("127.0.0.1", "localhost"))[1].flushed


def test_a_key_may_hold_any_letters():
    with scripted(OK) as script:
        assert flush(script.url, api_key="schlüssel")[1].flushed
    sent = script.asked[0].headers["Authorization"]
    assert sent.encode("latin-1").decode() == "Bearer schlüssel"


def test_a_slow_answer_is_not_asked_for_again():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slept, error = flush(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)
    assert slept == []
    assert isinstance(error, TimedOut)
    assert "gave no whole answer (timed out)" in error.message


def test_the_awaiting_client_waits_by_the_same_rule():
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def story(url: str) -> None:
        async with AsyncClient(base_url=url, sleep=sleep) as client:
            assert (await client.admin.flush()).flushed

    with scripted(DROP, refusal(503), Told(429, {}, {"Retry-After": "5"}), OK) as script:
        asyncio.run(story(script.url))
    assert slept == [0.3, 4.0 / 2, 5.0]


def test_without_a_sleep_of_ones_own_it_really_waits():
    with scripted(Told(429, {}, {"Retry-After": "0.05"}), OK) as script:
        with Client(base_url=script.url) as client:
            assert client.admin.flush().flushed
        assert len(script.asked) == 2


def test_answers_of_other_servers_are_not_taken_for_ours():
    page = Told(200, b"<html>hello</html>")
    moved = Told(301, b"", {"Location": "https://elsewhere/v1"})
    for told, words in ((page, "not JSON"), (moved, "elsewhere"), (Told(200, [1]), "not what")):
        with scripted(told) as script:
            _, error = flush(script.url)
        assert error.code == "not_understood"
        assert words in str(error)
    with scripted(Told(502, b"<html>bad gateway</html>")) as script:
        _, error = flush(script.url)
    assert (error.status, error.code) == (502, "refused")
