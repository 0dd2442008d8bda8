"""The command line as a whole: quick help, plain errors, exit codes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from desireline import __version__
from desireline.cli import main


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "desireline.cli", *arguments], capture_output=True, text=True
    )


def test_help_names_every_command_and_comes_at_once():
    fastest = 9.0
    for _ in range(3):
        began = time.perf_counter()
        done = run("--help")
        fastest = min(fastest, time.perf_counter() - began)
    assert done.returncode == 0
    for command in ("serve", "demo", "import", "keys"):
        assert command in done.stdout
    print(f"desireline --help: {fastest:.2f} s")
    assert fastest < 1.0  # .3 s on an idle machine


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"desireline {__version__}\n"


def test_an_unknown_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serf"])
    assert ended.value.code == 2
    assert "serve" in capsys.readouterr().err


def test_no_server_is_one_sentence_and_a_hint(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text('{"document_id": "1", "title": "x"}\n')
    code = main(["import", "documents", str(path), "--collection", "c", "--url", "127.0.0.1:9"])
    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("error: no desireline server answers at http://127.0.0.1:9")
    assert "hint: start one with `desireline serve`" in said
    assert "Traceback" not in said


def test_an_address_that_is_none_is_one_sentence(capsys):
    assert main(["tasks", "list", "--url", "http://host:port"]) == 2
    assert "error: no desireline server answers at http://host:port (" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["tasks", "show"], ["import", "documents", "f", "--collection"]])
def test_an_empty_name_is_a_usage_error(capsys, words):
    with pytest.raises(SystemExit) as ended:
        main([*words, ""])
    assert ended.value.code == 2
    assert "is empty; give a name or an id" in capsys.readouterr().err
