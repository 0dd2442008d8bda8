"""The demo as a person meets it: it ends with one honest sentence, and what it shows works."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.simulation.chance import is_chance

DEMO = [sys.executable, "-m", "desireline.cli", "demo"]
CHANGE = r"([+-]\.\d+) \[([+-]\.\d+), ([+-]\.\d+)\]"
INTERVAL = re.compile(
    rf"NDCG@10 (\.\d+) against (\.\d+) of the static ranking it started from, {CHANGE},"
    rf" and against (\.\d+) of equal weights, {CHANGE} \(95 % intervals, 360 held-out queries\)"
)


def sentence_of(said):
    """The closing sentence and its numbers: learned, static, gain, low, high, equal, gain, …"""
    (sentence,) = [line for line in said.splitlines() if line.startswith("After ")]
    found = INTERVAL.search(sentence)
    assert found, sentence
    return sentence, [float(number) for number in found.groups()]


def started(folder, *arguments):
    """A demo whose output goes to a file, once it says that its documents are being imported."""
    out = folder / "out.txt"
    with out.open("wb") as output:
        process = subprocess.Popen(
            [*DEMO, "--data", str(folder / "data"), *arguments], stdout=output, stderr=output,
            preexec_fn=_hears_ctrl_c,
        )  # fmt: skip
    wait_for(process, out, "importing documents: 10 %")
    return process, out


def _hears_ctrl_c():
    """What runs behind a shell's `&` ignores it, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(process, out, words, seconds=210):
    """Until the demo has said this."""
    until = time.monotonic() + seconds
    while words not in out.read_text():
        assert process.poll() is None, out.read_text()
        assert time.monotonic() < until, out.read_text()
        time.sleep(0.1)
    return out.read_text()


def nobody_answers(url):
    with pytest.raises(httpx.TransportError):
        httpx.get(url)


@pytest.mark.timeout(240)
def test_it_learns_says_so_and_stays_up_until_it_is_told_to_end(tmp_path):
    process, out = started(tmp_path, "--searches", "300")
    try:
        said = wait_for(process, out, "learned-fusion/weights")
        curls = [line for line in said.splitlines() if line.startswith("curl ")]
        url = re.search(r"http://127\.0\.0\.1:\d+", said).group()
        found, clicked, weights = (call(line) for line in curls)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    sentence, numbers = sentence_of(said)
    assert "of simulated users the learned ranking is better than before" in sentence
    assert numbers[3] > 0
    assert numbers[7] > 0
    assert not is_chance(*numbers[2:5])
    assert_zero_data_served_the_static_ranking(said)
    assert "tempfile.TemporaryDirectory" in [d["document_id"] for d in found["documents"]]
    assert clicked["execution_id"] == found["execution_id"]
    assert clicked["teaches"] is True
    assert sum(weights["weights"].values()) == pytest.approx(1)
    nobody_answers(url)


@pytest.mark.timeout(240)
def test_where_users_like_by_lot_it_shows_no_gain_and_says_so(tmp_path):
    done = subprocess.run(
        [*DEMO, "--exit", "--searches", "300", "--taste", "none", "--data", str(tmp_path)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sentence, numbers = sentence_of(done.stdout)
    for gain in (numbers[2:5], numbers[6:9]):
        assert is_chance(*gain), sentence
        assert 0.005 < gain[2] - gain[1] < 0.06, sentence  # narrow enough to see a real gain
    assert done.stdout.rstrip().endswith(sentence)
    assert done.stderr == ""


def test_ctrl_c_ends_both_processes(tmp_path):
    process, out = started(tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert "Traceback" not in out.read_text()
    assert "error" not in out.read_text()
    with (tmp_path / "data" / "lock").open() as lock:
        holder = lock.read().strip()
    running = subprocess.run(["kill", "-0", holder or "0"], capture_output=True, check=False)
    assert not holder or running.returncode != 0


def test_a_taken_port_and_a_taken_directory_are_clear_errors(live):
    port = live.url.rpartition(":")[2]
    for arguments, words in (
        (["--port", port], f"error: can't listen on 127.0.0.1 port {port}: Address already in use"),
        (["--data", str(live.data)], f"the data directory {live.data} is in use by the process"),
    ):
        done = subprocess.run([*DEMO, "--exit", *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert words in done.stderr
        assert "hint: " in done.stderr
        assert "Traceback" not in done.stderr
    assert live.call("GET", "/v1/collections/demo-library").status == 404


def call(line):
    """What a shown curl line answers."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    return json.loads(done.stdout)


def assert_zero_data_served_the_static_ranking(said):
    first = re.search(r"after 0 searches: learned (\.\d+) .* static (\.\d+)", said)
    assert first.group(1) == first.group(2)
