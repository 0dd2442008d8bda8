"""The data directory: one owner, one version, a clear sentence otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from desireline.errors import DataDirectoryLocked, StartupError
from desireline.store.directory import DataDirectory, Layout, prepare

HOLD = """
import sys
from pathlib import Path
from desireline.store.directory import DataDirectory
with DataDirectory(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_naming_directory_and_pid(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(DataDirectoryLocked) as raised:
            DataDirectory(tmp_path)
        assert str(tmp_path) in raised.value.message
        assert raised.value.details["pid"] == str(process.pid)
        assert prepare(tmp_path).catalog == tmp_path / "catalog.sqlite"
        process.kill()
    DataDirectory(tmp_path).release()  # a killed process holds nothing


def test_it_is_released_once_and_can_be_taken_again(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "a" / "b") as layout:
        assert layout.lock.read_text() == f"{os.getpid()}\n"
        made = {each.name for each in layout.path.iterdir()}
        assert made == {"version", "lock", "intake", "events", "index", "tmp"}
    again = DataDirectory(tmp_path / "a" / "b")
    again.release()
    again.release()


def test_scratch_is_emptied_and_everything_else_stays(tmp_path: Path) -> None:
    with DataDirectory(tmp_path) as layout:
        (layout.tmp / "half.bin").write_text("x")
        (layout.event_log / "part.bin").write_text("x")
    with DataDirectory(tmp_path) as layout:
        assert not list(layout.tmp.iterdir())
        assert [each.name for each in layout.event_log.iterdir()] == ["part.bin"]


def test_a_newer_version_is_refused_naming_both_and_the_lock_is_given_back(tmp_path: Path) -> None:
    DataDirectory(tmp_path, version=3).release()
    for opened in (DataDirectory, prepare):
        with pytest.raises(StartupError, match="version 3, this desireline knows versions up to 1"):
            opened(tmp_path)
    DataDirectory(tmp_path, version=3).release()


@pytest.mark.parametrize("content", ["", "one", "-1", "²"])
def test_a_damaged_version_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "version").write_text(content)
    with pytest.raises(StartupError, match="which is no version"):
        DataDirectory(tmp_path)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(StartupError, match=f"{path} cannot be used: "):
        DataDirectory(path)


def test_the_lock_does_not_pass_to_a_child(tmp_path: Path) -> None:
    owned = DataDirectory(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owned.release()
        DataDirectory(tmp_path).release()
        child.kill()


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare(Path("data")) == Layout(tmp_path / "data")
