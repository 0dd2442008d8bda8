"""Settings: where they come from, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from desireline.errors import StartupError
from desireline.settings import Settings, descriptions, load, shown


def test_later_sources_win(tmp_path: Path) -> None:
    (tmp_path / "desireline.toml").write_text(
        'port = 1\nhost = "0.0.0.0"\nlog_level = "debug"\ncors_origins = ["https://a.example"]\n'
    )
    environment = {"DESIRELINE_PORT": "2", "DESIRELINE_LOG_LEVEL": "error", "HOME": "/root"}
    settings = load(environment, {"port": 3, "host": None}, tmp_path)
    assert settings.port == 3
    assert settings.log_level == "error"
    assert settings.host == "0.0.0.0"
    assert settings.cors_origins == ("https://a.example",)
    assert settings.intake_ack == "disk"


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    assert load({}, folder=tmp_path) == Settings()


def test_a_list_is_separated_by_commas(tmp_path: Path) -> None:
    found = load({"DESIRELINE_CORS_ORIGINS": "https://a.example, https://b.example"}, {}, tmp_path)
    assert found.cors_origins == ("https://a.example", "https://b.example")
    assert load({"DESIRELINE_CORS_ORIGINS": ""}, {}, tmp_path).cors_origins == ()


def test_the_file_is_named_by_variable_or_argument(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("port = 7\n")
    assert load({"DESIRELINE_CONFIG": "my.toml"}, {}, tmp_path).port == 7
    assert load({}, {"config": str(tmp_path / "my.toml")}).port == 7
    with pytest.raises(StartupError, match=r"missing.toml cannot be read"):
        load({"DESIRELINE_CONFIG": "missing.toml"}, {}, tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("DESIRELINE_PORT", "70000", "a whole number from 0 to 65535"),
        ("DESIRELINE_PORT", "http", "a whole number from 0 to 65535"),
        ("DESIRELINE_FLUSH_INTERVAL_MS", "99", "a whole number from 100 to 60000"),
        ("DESIRELINE_INTAKE_ACK", "Disk", "`disk` or `memory`"),
        ("DESIRELINE_INTAKE_BACKLOG_BYTES", "1e3", "a whole number >= 1048576"),
        ("DESIRELINE_HOST", "", "a text that is not empty"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    variable: str, value: str, allowed: str, tmp_path: Path
) -> None:
    with pytest.raises(StartupError) as raised:
        load({variable: value}, {}, tmp_path)
    assert raised.value.message == f"{variable} is {value!r}; allowed is {allowed}"
    assert raised.value.hint


def test_a_wrong_value_of_the_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "desireline.toml").write_text('port = "80"\nerasure_key = 5\n')
    with pytest.raises(StartupError, match=r"`erasure_key` in .*toml is \(not shown\)"):
        load({"DESIRELINE_PORT": "1"}, {}, tmp_path)


def test_unknown_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="DESIRELINE_PROT") as raised:
        load({"DESIRELINE_PROT": "1"}, {}, tmp_path)
    assert raised.value.hint == "did you mean DESIRELINE_PORT?"
    (tmp_path / "desireline.toml").write_text("flush_interval = 300\n")
    with pytest.raises(StartupError, match="flush_interval") as raised:
        load({}, {}, tmp_path)
    assert raised.value.hint == "did you mean flush_interval_ms?"


@pytest.mark.parametrize("content", ["port = ", "\xff\xfe"])
def test_a_broken_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "desireline.toml").write_bytes(content.encode("latin-1"))
    with pytest.raises(StartupError, match=r"desireline.toml cannot be read"):
        load({}, {}, tmp_path)


def test_every_setting_is_described_and_its_default_is_allowed() -> None:
    described = descriptions()
    assert {each.name for each in described} == set(Settings.__struct_fields__)
    for each in described:
        assert each.description.endswith((".", "!"))
        assert each.allowed
        assert each.variable == f"DESIRELINE_{each.name.upper()}"
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()


def test_secrets_are_not_shown() -> None:
    told = shown(Settings(erasure_key="hush", catalog_dsn="postgresql://a:hush@b/c"))
    assert "hush" not in str(told)
    assert told["event_log_dsn"] == ""
    assert "fail_point" not in told
