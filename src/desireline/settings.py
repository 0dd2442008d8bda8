"""Every setting of desireline in one frozen struct: defaults < TOML file < environment < arguments.

One file is read: the one that `config` names, else `desireline.toml` in the data directory, else in
the working directory.

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
ELSEWHERE = (
    "DESIRELINE_API_KEY", "DESIRELINE_BASE_URL", "DESIRELINE_NAMESPACE", "DESIRELINE_SHARED_DATA",
)  # fmt: skip
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
    root_path: Annotated[
        str,
        Meta(
            pattern=r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?$",
            description="What stands before every path behind a reverse proxy, stripped or not.",
            examples=["/search"],
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses and networks whose `X-Forwarded-Proto`, `-Host` and `-For` are "
            "believed; `*` trusts whoever connects."
        ),
    ] = ("127.0.0.1", "::1")
    data: Annotated[
        str,
        Meta(min_length=1, description="Data directory; made when missing; one process at a time."),
    ] = "desireline-data"
    config: Annotated[
        str,
        Meta(
            description=f"TOML file of settings; without, `{DEFAULT_FILE}` in the data directory, "
            "else in the working directory, if there is one."
        ),
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
        Meta(
            ge=100,
            le=60_000,
            description="How often waiting rows move into the event log; under load, where "
            "that is shorter, up to 2 s apart.",
        ),
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
    anonymize: Annotated[
        Literal["none", "hmac"],
        Meta(
            description="`hmac` keeps a keyed hash in place of every user id; chosen with the data "
            "directory, where the key lies."
        ),
    ] = "none"
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


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of this start: its value (a secret only as "(set)"), and who gave it."""

    name: str
    value: Any
    source: str
    description: str
    allowed: str


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
    found = _found(environment, arguments, folder)
    return Settings(**{name: _value(name, *source) for name, source in found.items()})


def explained(
    environment: Mapping[str, str],
    arguments: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> tuple[Chosen, ...]:
    """What `load` chooses, in the order of the struct, and where each value comes from.

    >>> explained({"DESIRELINE_PORT": "9000"})[1].source
    'DESIRELINE_PORT'
    """
    found = _found(environment, arguments, folder)
    values = shown(load(environment, arguments, folder))
    return tuple(
        Chosen(
            name=each.name, value=values[each.name],
            source=found[each.name][0] if each.name in found else "default",
            description=each.description, allowed=each.allowed,
        )
        for each in descriptions()
        if not each.is_hidden
    )  # fmt: skip


def file_read(
    environment: Mapping[str, str],
    arguments: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Path | None:
    """The settings file of this start; None: there is none."""
    return _file(_spoken(environment, arguments), folder or Path())


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
    if meta.examples:
        return f"a text such as `{meta.examples[0]}`"
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


def _spoken(
    environment: Mapping[str, str], arguments: Mapping[str, Any] | None
) -> dict[str, tuple[str, Any]]:
    """(who said it, value) by name, of variables and arguments."""
    given = {
        name: (f"--{name.replace('_', '-')}", value)
        for name, value in (arguments or {}).items()
        if value is not None
    }
    return {**_of_environment(environment), **given}


def _found(
    environment: Mapping[str, str], arguments: Mapping[str, Any] | None, folder: Path | None
) -> dict[str, tuple[str, Any]]:
    spoken = _spoken(environment, arguments)
    file = _file(spoken, folder or Path())
    return {**(_of_file(file, _data(spoken, folder or Path())) if file else {}), **spoken}


def _data(spoken: Mapping[str, tuple[str, Any]], folder: Path) -> Path:
    """The data directory, as far as it can be known before a file is read."""
    return folder / str(spoken["data"][1] if "data" in spoken else Settings().data)


def _file(spoken: Mapping[str, tuple[str, Any]], folder: Path) -> Path | None:
    named = str(spoken["config"][1]) if "config" in spoken else ""
    if named:
        return folder / named
    places = (_data(spoken, folder) / DEFAULT_FILE, folder / DEFAULT_FILE)
    return next((place for place in places if place.exists()), None)


def _of_file(path: Path, data: Path) -> dict[str, tuple[str, Any]]:
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
    if "data" in values and path.parent == data:
        raise StartupError(
            f"`data` in {path}: the file lies in the data directory, it cannot name another one",
            hint="take `data` out, or put the file elsewhere and name it with --config",
        )
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
