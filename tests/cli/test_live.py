"""`desireline live`, the client's `live` and `trace`, and the commands of the how-to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from desireline.cli import main
from desireline.cli.connection import client_of
from tests.e2e.live import Live, a_stage, click, execute, make_collection, make_retriever
from tests.shared import ROOT

PAGE = ROOT / "docs" / "how-to" / "live.md"
ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def retriever(live: Live) -> str:
    return make_retriever(live, make_collection(live, 10), a_stage(fusion="learned"))


@pytest.fixture(scope="module")
def act(live: Live, retriever: str) -> Any:
    """A search and a click that were learned."""
    made = click(live, execute(live, retriever, inputs={"user_id": "ada"}), 1)
    live.learn()
    return made


def said(capsys: Any, live: Live, *words: str) -> tuple[int, list[str], str]:
    """(exit code, lines, errors) of `desireline live --once WORDS`."""
    code = main(["live", "--once", *words, "--url", live.url])
    out = capsys.readouterr()
    return code, out.out.splitlines(), out.err


def test_a_line_for_each(live: Live, retriever: str, act: Any, capsys: Any):
    code, lines, _ = said(capsys, live, "--retriever", retriever)
    assert code == 0
    searched, clicked, lesson, weights = lines[-4:]
    assert "`wireless earbuds` by ada: 10 results in" in searched
    assert f"click on {act['document_id']} at 1, reward 1" in clicked
    assert "documents shown, 1 rewarded" in lesson
    assert re.search(r"weights .* 0\.\d{3}, .* 0\.\d{3}", weights)


def test_the_server_s_objects(live: Live, retriever: str, act: Any, capsys: Any):
    _, lines, _ = said(capsys, live, "--retriever", retriever, "--kinds", "interaction", "--json")
    assert json.loads(lines[-1])["interaction_id"] == act["interaction_id"]
    code, lines, error = said(capsys, live, "--kinds", "clicks")
    assert (code, lines) == (2, [])
    assert "nothing of kind `clicks` happens" in error


def test_the_client_tells_and_traces(live: Live, retriever: str, act: Any):
    with client_of(live.url) as client:
        told = [*client.live(retriever=retriever, kinds=["interaction"], follow=False)]
        assert told[-1].kind == "interaction"
        assert told[-1].interaction_id == act["interaction_id"]
        followed = next(iter(client.live(retriever=retriever)))
        assert followed.retriever_id == retriever
        trace = client.interactions.trace(act["interaction_id"])
    assert [step.step for step in trace.steps if step.done][-1] == "learned"
    assert trace.steps[-1].details.contexts[0].level == "global"


def test_the_commands_of_the_page_run(live: Live, act: Any, capsys: Any):
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines[1:3] == ["desireline live", "desireline live --once --json"]
    assert said(capsys, live, "--json")[0] == 0
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    for line in (line for line in lines if line.startswith("curl")):
        line = line.replace(ADDRESS, live.url).replace("int_…", act["interaction_id"])
        command = [word.strip('"') for word in line.split()]
        with subprocess.Popen(
            [*command, "-s"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline().decode().removeprefix("data: ")
            process.terminate()
        assert json.loads(first).keys() & {"happened", "steps"}
