"""`desireline config show`, and which settings file a start reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desireline.cli import main
from desireline.errors import StartupError
from desireline.settings import Settings, descriptions, explained, file_read, load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a data directory of the default name in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / Settings().data).mkdir()
    return tmp_path


def show(capsys: Any, *arguments: str) -> dict[str, Any]:
    assert main(["config", "show", "--json", *arguments]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {"file": answer["file"]} | {each["name"]: each for each in answer["settings"]}


def test_every_setting_says_where_it_comes_from(
    folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "desireline.toml").write_text('port = 1\nlog_level = "error"\nhost = "::1"\n')
    monkeypatch.setenv("DESIRELINE_LOG_LEVEL", "debug")
    monkeypatch.setenv("DESIRELINE_ERASURE_KEY", "hush")
    found = show(capsys, "--port", "7")
    assert (found["port"]["value"], found["port"]["source"]) == (7, "--port")
    assert found["log_level"]["value"] == "debug"
    assert found["log_level"]["source"] == "DESIRELINE_LOG_LEVEL"
    assert found["host"]["source"] == "`host` in desireline.toml"
    assert found["intake_ack"] == {
        "name": "intake_ack", "value": "disk", "source": "default",
        "allowed": "`disk` or `memory`", "description": found["intake_ack"]["description"],
    }  # fmt: skip
    assert found["erasure_key"]["value"] == "(set)"
    assert found["file"] == "desireline.toml"
    shown = {name for name in found if name != "file"}
    assert shown == {each.name for each in descriptions() if not each.is_hidden}


def test_the_table_has_values_sources_meanings_and_no_secret(
    folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESIRELINE_CATALOG_DSN", "postgresql://me:hush@db/catalog")
    assert main(["config", "show"]) == 0
    out = capsys.readouterr().out
    assert "hush" not in out
    line = next(each for each in out.splitlines() if "catalog_dsn" in each)
    assert "(set)" in line
    assert "DESIRELINE_CATALOG_DSN" in line
    assert "settings file: none" in out


def test_the_file_of_the_data_directory_is_nearer_than_that_of_the_working_one(
    folder: Path,
) -> None:
    (folder / "desireline.toml").write_text("port = 1\n")
    assert load({}, {}).port == 1
    nearer = Path(Settings().data) / "desireline.toml"
    nearer.write_text("port = 2\n")
    assert load({}, {}).port == 2
    assert file_read({}, {}) == nearer
    other = folder / "elsewhere"
    other.mkdir()
    (other / "desireline.toml").write_text("port = 3\n")
    assert load({"DESIRELINE_DATA": str(other)}, {}).port == 3
    assert load({"DESIRELINE_DATA": str(other)}, {"data": Settings().data}).port == 2
    (folder / "named.toml").write_text("port = 4\n")
    assert load({"DESIRELINE_CONFIG": "named.toml"}, {}).port == 4
    assert load({}, {"config": "named.toml"}).port == 4
    assert load({"DESIRELINE_PORT": "5"}, {"config": "named.toml"}).port == 5
    assert load({"DESIRELINE_PORT": "5"}, {"config": "named.toml", "port": 6}).port == 6


def test_a_file_in_the_data_directory_cannot_name_another(folder: Path) -> None:
    file = Path(Settings().data) / "desireline.toml"
    file.write_text('data = "/elsewhere"\n')
    with pytest.raises(StartupError, match="lies in the data directory"):
        load({}, {})
    (folder / "desireline.toml").write_text('data = "there"\n')
    file.unlink()
    assert load({}, {}).data == "there"


def test_what_serve_would_refuse_is_refused_here(folder: Path, capsys: Any) -> None:
    (folder / "desireline.toml").write_text("prot = 1\n")
    assert main(["config", "show"]) == 2
    assert "did you mean port?" in capsys.readouterr().err
    (folder / "desireline.toml").write_text("port = 99999\n")
    assert main(["config", "show"]) == 2
    assert "a whole number from 0 to 65535" in capsys.readouterr().err
    assert main(["config", "show", "--config", "missing.toml"]) == 2
    assert "missing.toml cannot be read" in capsys.readouterr().err


def test_explained_is_what_load_chooses(folder: Path) -> None:
    environment = {"DESIRELINE_PORT": "9", "DESIRELINE_CORS_ORIGINS": "https://a.example"}
    chosen = load(environment, {})
    for each in explained(environment, {}):
        assert getattr(chosen, each.name) == each.value
