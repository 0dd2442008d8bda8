"""Every setting of desireline in one frozen struct: defaults < TOML file < environment < arguments.

Each field carries its description and limits as data: the reference page and the error messages are
made of them. Knows names and limits; reads the file and the mapping it is given, nothing else.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from desireline.errors import StartupError

PREFIX = "DESIRELINE_"
DEFAULT_FILE = "desireline.toml"
ELSEWHERE = ("DESIRELINE_KEY", "DESIRELINE_SHARED_DATA")
"""Variables with our prefix that are not settings of the server."""

_SECRET = {"secret": True}
_MIB = 1 << 20


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may choose. Sizes are in bytes, times in the unit of the name."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="Address to listen on; without any API key a loopback one.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    ] = 8080
    data: Annotated[
        str,
        Meta(min_length=1, description="Data directory; made when missing; one process at a time."),
    ] = "desireline-data"
    config: Annotated[
        str,
        Meta(description=f"TOML file of settings; `{DEFAULT_FILE}` is read when it is there."),
    ] = ""
    event_log_dsn: Annotated[
        str,
        Meta(
            description='Address of a ClickHouse server for the event log; "" embeds one.',
            extra=_SECRET,
        ),
    ] = ""
    catalog_dsn: Annotated[
        str,
        Meta(
            description='`postgresql://…` of the catalogue; "" keeps it in the data directory.',
            extra=_SECRET,
        ),
    ] = ""
    intake_ack: Annotated[
        Literal["disk", "memory"],
        Meta(
            description="When an interaction is acknowledged: on disk, or already in memory "
            "(faster; a crash loses what was not written yet)."
        ),
    ] = "disk"
    intake_backlog_bytes: Annotated[
        int,
        Meta(
            ge=_MIB,
            description="Accepted rows that may wait for the event log; then ingest answers 503.",
        ),
    ] = 256 * _MIB
    flush_interval_ms: Annotated[
        int,
        Meta(ge=100, le=60_000, description="How often waiting rows move into the event log."),
    ] = 300
    event_log_memory_bytes: Annotated[
        int, Meta(ge=256 * _MIB, description="Memory the embedded event log may use.")
    ] = 2048 * _MIB
    event_log_cache_bytes: Annotated[
        int, Meta(ge=_MIB, description="Mark cache of the embedded event log.")
    ] = 64 * _MIB
    recent_window_minutes: Annotated[
        int,
        Meta(ge=1, le=1440, description="How long executions are kept in memory for attribution."),
    ] = 60
    recent_memory_bytes: Annotated[
        int, Meta(ge=_MIB, description="Memory for those executions; the oldest go first.")
    ] = 64 * _MIB
    max_body_bytes: Annotated[
        int, Meta(ge=1024, description="Largest request body; larger ones get 413.")
    ] = 10 * _MIB
    max_batch_body_bytes: Annotated[
        int, Meta(ge=1024, description="Largest body of a batch or import request.")
    ] = 16 * _MIB
    optimise_threshold: Annotated[
        int,
        Meta(ge=1000, description="Documents of a collection from which its index is optimised."),
    ] = 50_000
    learning_tick_ms: Annotated[
        int,
        Meta(
            ge=10, le=60_000, description="How often ended executions are closed and learned from."
        ),
    ] = 200
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(description="Origins whose pages may call this server; `*` allows all."),
    ] = ("*",)
    erasure_key: Annotated[
        str,
        Meta(
            description="Key of the hashes under which erased ids are remembered.",
            extra=_SECRET,
        ),
    ] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severity logged.")
    ] = "info"
    log_format: Annotated[
        Literal["json", "console"], Meta(description="One JSON object a line, or for people.")
    ] = "json"
    fail_point: Annotated[
        str,
        Meta(
            description="Name of the place where the process kills itself.", extra={"hidden": True}
        ),
    ] = ""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as a reference page shows it."""

    name: str
    variable: str
    description: str
    allowed: str
    default: Any
    is_secret: bool = False
    is_hidden: bool = False


def load(
    environment: Mapping[str, str],
    arguments: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Settings:
    """The settings of this start. `folder` (default: the working one) is where the file is sought.

    `arguments` are what the command line gave (None: not given). Raises `errors.StartupError` that
    names the setting, its value and what is allowed; for an unknown name the nearest one.

    >>> load({"DESIRELINE_PORT": "9000"}, {"host": "::1"}).port
    9000
    """
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    spoken = {**_of_environment(environment), **{n: (f"--{n}", v) for n, v in given.items()}}
    named = str(spoken["config"][1]) if "config" in spoken else ""
    found = {**_of_file(named, folder or Path()), **spoken}
    return Settings(**{name: _value(name, *source) for name, source in found.items()})


def descriptions() -> tuple[Description, ...]:
    """Every setting in the order of the struct, with its description, limits and default."""
    defaults = msgspec.structs.asdict(Settings())
    return tuple(_described(name, kind, defaults[name]) for name, kind in _kinds().items())


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as a start-up log may show them: secrets hidden, hidden ones left out.

    >>> shown(Settings(erasure_key="s3cret"))["erasure_key"]
    '(set)'
    """
    return {
        each.name: "(set)"
        if each.is_secret and getattr(settings, each.name)
        else getattr(settings, each.name)
        for each in descriptions()
        if not each.is_hidden
    }


def _kinds() -> dict[str, Any]:
    return get_type_hints(Settings, include_extras=True)


def _described(name: str, kind: Any, default: Any) -> Description:
    bare, meta = get_args(kind)
    extra = meta.extra or {}
    return Description(
        name=name,
        variable=PREFIX + name.upper(),
        description=meta.description,
        allowed=_allowed(bare, meta),
        default=default,
        is_secret=extra.get("secret", False),
        is_hidden=extra.get("hidden", False),
    )


def _allowed(bare: Any, meta: Meta) -> str:
    if get_origin(bare) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(bare))
    if get_origin(bare) is tuple:
        return "texts, separated by commas in a variable"
    if bare is int:
        return (
            f"a whole number from {meta.ge} to {meta.le}"
            if meta.le
            else f"a whole number >= {meta.ge}"
        )
    return "a text that is not empty" if meta.min_length else "a text"


def _of_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    known = {PREFIX + name.upper(): name for name in _kinds()}
    found: dict[str, tuple[str, Any]] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in ELSEWHERE:
            continue
        if variable not in known:
            raise _unknown(variable, "environment", list(known))
        found[known[variable]] = (variable, value)
    return found


def _of_file(named: str, folder: Path) -> dict[str, tuple[str, Any]]:
    path = folder / (named or DEFAULT_FILE)
    if not named and not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StartupError(
            f"the settings file {path} cannot be read: {error}",
            hint="check `config`, or fix the file",
        ) from error
    for name in values:
        if name not in _kinds() or name == "config":
            raise _unknown(name, str(path), [known for known in _kinds() if known != "config"])
    return {name: (f"`{name}` in {path}", value) for name, value in values.items()}


def _value(name: str, source: str, value: Any) -> Any:
    """The value in its type; text (of a variable or an argument) is read leniently."""
    kind = _kinds()[name]
    if isinstance(value, str) and get_origin(get_args(kind)[0]) is tuple:
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        one = _described(name, kind, None)
        said = "(not shown)" if one.is_secret else repr(value)[:80]
        raise StartupError(
            f"{source} is {said}; allowed is {one.allowed}", hint=one.description
        ) from error


def _unknown(name: str, where: str, known: list[str]) -> StartupError:
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return StartupError(
        f"{name} ({where}) is not a setting",
        hint=f"did you mean {near[0]}?" if near else f"settings are: {', '.join(known)}",
    )
