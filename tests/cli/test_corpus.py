"""The demo's documents: the standard library, read without running it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from desireline.cli.demo import corpus
from desireline.cli.demo.compiled import LEFT_OUT


@pytest.fixture(scope="module")
def library():
    return corpus.documents()


def test_there_are_thousands_of_documents_of_all_kinds(library):
    kinds = {document.kind for document in library}
    assert kinds == {"module", "class", "function", "method"}
    assert 5_000 < len(library) < 12_000


def test_ids_are_unique_and_in_order(library):
    ids = [document.document_id for document in library]
    assert ids == sorted(set(ids))


def test_every_document_says_something(library):
    assert all(document.text and document.summary and document.name for document in library)


def test_nothing_private_and_no_tests(library):
    for document in library:
        parts = document.document_id.split(".")
        assert not any(part.startswith("_") for part in parts)
        assert not corpus.LEFT_OUT.intersection(document.module.split("."))


@pytest.mark.parametrize(
    "name",
    ["json.loads", "os.path.join", "os.listdir", "collections.deque", "builtins.list.append",
     "concurrent.futures.Executor", "math.sqrt", "itertools.chain", "asyncio", "csv.reader"],
)  # fmt: skip
def test_well_known_names_are_there(library, name):
    assert name in {document.document_id for document in library}


def test_a_document_tells_where_it_belongs(library):
    found = {document.document_id: document for document in library}["tempfile.mkdtemp"]
    assert (found.module, found.parent, found.kind) == ("tempfile", "tempfile", "function")
    assert found.name == "tempfile mkdtemp"
    assert found.signature.startswith("(")
    assert found.popularity > 0


def test_reading_the_library_runs_none_of_it():
    program = (
        "import sys; from desireline.cli.demo import corpus; found = corpus.documents();"
        "names = {'antigravity', 'this', 'tkinter', 'turtle', 'idlelib', 'webbrowser', 'distutils',"
        " 'lib2to3', 'readline', 'curses', 'unittest', 'test', 'pip', 'setuptools'};"
        "print(len(found), sorted(names & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.split(" ", 1)[1].strip() == "[]"
    assert int(done.stdout.split()[0]) > 5_000


def test_the_same_interpreter_gives_the_same_documents(library):
    assert corpus.documents() == library


def test_modules_that_touch_terminal_or_network_are_left_out():
    assert {"readline", "_tkinter", "nis"} <= LEFT_OUT
