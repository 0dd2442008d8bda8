"""Contexts: which levels of the ladder (personal, demographic, global) a request belongs to.

Knows how feature values become keys. Does not know what was learned under a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from desireline.types.learning import Context, LearningConfig

_ALIASES = {"segment": "user_segment"}


def context_of(
    config: LearningConfig,
    inputs: Mapping[str, Any],
    user_id: str = "",
    session_id: str = "",
    segment: str = "",
) -> Context:
    """The context keys of one request.

    Names in `context_features` and `demographic_features` are read from `inputs` (dots go deeper,
    a leading `INPUT.` means nothing), then from the three arguments, which `inputs` overrides.
    A level whose every value is missing does not exist; `fallback_strategy: global` has none.

    >>> config = LearningConfig(demographic_features=("INPUT.user_segment",))
    >>> context_of(config, {}, user_id="u1").keys
    ('global', 'personal:09b6f8224534ad6e')
    >>> context_of(config, {"user_segment": "pro"}).keys
    ('global', 'demographic:b30f95137243c605')
    """
    values = _given(inputs, user_id, session_id, segment)
    session = _text(values.get("session_id"))
    if config.fallback_strategy == "global":
        return Context(session=context_key("session", [session]))
    return Context(
        personal=context_key("personal", _values(config.context_features, values)),
        demographic=context_key("demographic", _values(config.demographic_features, values)),
        session=context_key("session", [session]),
    )


def context_key(level: str, values: Sequence[Any]) -> str:
    """`level:` and the first 16 hex of SHA-1 over the JSON array of the values; "" if all miss.

    Numbers and booleans count as their text, so that user 7 and user "7" are one.

    >>> context_key("personal", ["u1"]) == context_key("personal", ["u2"])
    False
    >>> context_key("personal", [7]) == context_key("personal", ["7"])
    True
    >>> context_key("personal", [None, ""])
    ''
    """
    texts = [_text(value) for value in values]
    if not any(texts):
        return ""
    digest = hashlib.sha1(msgspec.json.encode(texts), usedforsecurity=False)
    return f"{level}:{digest.hexdigest()[:16]}"


def segment_of(
    config: LearningConfig,
    inputs: Mapping[str, Any],
    user_id: str = "",
    session_id: str = "",
    segment: str = "",
) -> str:
    """What people call the demographic level of a request: the value of its one feature as sent;
    of several features `name=value, name=value`, without the missing ones. "" without any.

    >>> segment_of(LearningConfig(demographic_features=("INPUT.country",)), {"country": "DE"})
    'DE'
    >>> both = LearningConfig(demographic_features=("INPUT.country", "INPUT.plan"))
    >>> segment_of(both, {"country": "DE", "plan": 7}), segment_of(both, {"plan": 7})
    ('country=DE, plan=7', 'plan=7')
    """
    values, names = _given(inputs, user_id, session_id, segment), config.demographic_features
    texts = [_text(value) for value in _values(names, values)]
    if len(names) == 1:
        return texts[0]
    said = zip(names, texts, strict=True)
    return ", ".join(f"{_bare(name)}={text}" for name, text in said if text)


def subject_of(session_id: str, user_id: str, execution_id: str) -> str:
    """What draws and buckets stick to: the session, else the user, else this one execution.

    >>> subject_of("", "u1", "e1")
    'u1'
    """
    return session_id or user_id or execution_id


def _given(
    inputs: Mapping[str, Any], user_id: str, session_id: str, segment: str
) -> dict[str, Any]:
    given = {"user_id": user_id, "session_id": session_id, "user_segment": segment}
    return {name: value for name, value in given.items() if value} | _canonical(inputs)


def _canonical(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {_ALIASES.get(name, name): value for name, value in inputs.items() if value is not None}


def _values(names: Sequence[str], values: Mapping[str, Any]) -> list[Any]:
    return [_lookup(name, values) for name in names]


def _lookup(name: str, values: Mapping[str, Any]) -> Any:
    bare = _bare(name)
    found: Any = values
    for part in _ALIASES.get(bare, bare).split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _bare(name: str) -> str:
    namespace, dot, rest = name.partition(".")
    return rest if dot and namespace.lower() in ("input", "inputs") else name


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value, order="deterministic").decode()
