"""A hostile corpus against every route that takes a body: whatever is sent, no 5xx, one envelope.

The bodies are made from the OpenAPI document and from the structs of the stages, so that a new
route, field or parameter is attacked without a line here. What single refusals say is in
test_hostile*.py.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import msgspec
import pytest

from desireline.core.recipe.searching import SearchEntry, VectorQuery
from desireline.core.stages.diversity import DiversityFeature
from desireline.core.stages.grouping import Facet, SearchGroups
from desireline.core.stages.scoring import InteractionBoost
from desireline.types.learning import LearningConfig
from desireline.types.retriever import StaticFusion
from docs.generating.stages import STRUCTS, inner_structs
from tests.e2e.live import Live, Reply, a_name, a_search, a_stage, checked_error, make_retriever
from tests.http.test_fuzz import says_what_next, target, things
from tests.http.test_openapi import an_example

__all__ = ["target", "things"]

Route = tuple[str, str, str]
MANY = 10_000
HUGE = 10 * 2**20
DEEP = b'{"inputs":' + b'{"a":' * MANY + b"1" + b"}" * MANY + b"}"
NASTY: dict[str, bytes] = {
    "empty": b"",
    "nothing": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "cut": b'{"inputs": {"query": "x"',
    "two": b"{}{}",
    "not json": b"<html></html>",
    "a comment": b"{/* */}",
    "single quotes": b"{'inputs': {}}",
    "NaN": b'{"inputs": {"n": NaN}, "position": NaN}',
    "infinite": b'{"position": 1e999, "rollout_pct": -Infinity}',
    "huge whole number": b'{"position": ' + b"9" * 5_000 + b', "limit": ' + b"9" * 400 + b"}",
    "below 64 bits": b'{"position": -9223372036854775809, "limit": 18446744073709551616}',
    "deep objects": DEEP,
    "deep lists": b'{"filters": ' + b"[" * MANY + b"]" * MANY + b"}",
    "deep filters": b'{"filters": ' + b'{"NOT":' * MANY + b"{}" + b"}" * MANY + b"}",
    "lone surrogate": b'{"query": "\\ud800", "inputs": {"\\udfff": "\\ud83d"}}',
    "a zero byte": b'{"query": "a\\u0000b", "inputs": {"query": "a\\u0000b"}}',
    "UTF-16": '{"inputs": {"query": "x"}}'.encode("utf-16"),
    "Latin-1": '{"inputs": {"query": "caf\u00e9"}}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "overlong UTF-8": b'{"query": "\xc0\xaf"}',
    "same key twice": b'{"inputs": {}, "inputs": 3, "limit": 1, "limit": "x"}',
    "many keys": json.dumps({f"k{n}": n for n in range(MANY)}).encode(),
    "an empty key": b'{"": 1, "$": 1, ".": 1, "a.b": 1, "__proto__": {}, "__class__": 1}',
    "10 MB of one text": b'{"inputs": {"query": "' + b"x" * HUGE + b'"}}',
    "10 MB of blanks": b" " * HUGE + b"{}",
    "gzip, unannounced": gzip.compress(b"{}"),
}
CODED: dict[str, tuple[str, bytes]] = {
    "gzip bomb": ("gzip", gzip.compress(b" " * (300 * 2**20), 9)),
    "gzip bomb of lists": ("gzip", gzip.compress(b'{"stages": [' + b"[" * (50 * 2**20), 9)),
    "gzip of gzip": ("gzip", gzip.compress(gzip.compress(b"{}"))),
    "gzip, cut": ("gzip", gzip.compress(b'{"inputs": {}}')[:-9]),
    "no gzip": ("gzip", b"{}"),
    "brotli": ("br", b"{}"),
    "two codings": ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
}
BOMBS = [
    "{{INPUT.q * 99999999}}", "{{ 'x' * 999999999 }}", "{{ 9 ** 9 ** 9 }}", "{{" * 2_000,
    "{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "{{ " + " + ".join(["1"] * 3_000) + " }}",
    "{% for a in range(999999) %}{{a}}{% endfor %}", "{{ range(999999999) | list }}",
    "{{ INPUT.__class__.__mro__ }}", "{{ ''['__class__'] }}", "{{ self }}", "{{ cycler }}",
    "{{ lipsum() }}", "{{ INPUT.q.format(INPUT) }}", "{{ INPUT | attr('__class__') }}",
    "{{SECRET.key}}", "{{DOC.title}}", "{{ 'x' | replace('x', 'xx' ) }}", "{{", "{{}}", "{{ }}",
    "{{ INPUT.many | join(INPUT.many) }}", "{{ [1,2,3] | sum(start=INPUT.q) }}", 
    "{# {{ #}{{INPUT.q}}",
]  # fmt: skip
WRONG: list[Any] = [
    None, True, -1, 0, 0.5, 10**30, 1e308, -1e308, "", "x", "\x00", "a.b..c", "x" * 20_000, [],
    [[]], [None], [1], ["x"], {}, {"": 1}, {"a": {"b": 1}}, [{"feature_uri": None}], [{}],
]  # fmt: skip


def settled(reply: Reply) -> int:
    """The status, after a refusal was found whole."""
    assert reply.status < 500, reply.content[:500]
    if reply.status >= 400:
        error = checked_error(reply)
        assert reply.status != 422 or says_what_next(error), error
    return reply.status


def routes(live: Live, things: dict[str, str]) -> list[tuple[Route, Any]]:
    """(method, address, path as described) with an example body, for every route that takes one."""
    found = live.ok("GET", "/openapi.json")
    components = found["components"]["schemas"]
    listed = []
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody")
            if body:
                schema = body["content"]["application/json"]["schema"]
                address = path.replace("{user_id}", "u")
                for name, value in things.items():
                    address = address.replace("{" + name + "}", value)
                route = (method.upper(), address, path)
                listed.append((route, an_example(schema, components)))
    return listed


@pytest.fixture(scope="module")
def attacked(target: Live, things: dict[str, str]) -> list[tuple[Route, Any]]:
    found = routes(target, things)
    assert len(found) > 30
    return found


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_body_harms_no_route(target: Live, attacked: Any, name: str):
    for (method, address, _), _ in attacked:
        settled(target.call(method, address, NASTY[name]))


@pytest.mark.parametrize("name", CODED)
def test_a_nasty_coding_harms_no_route(target: Live, attacked: Any, name: str):
    coding, body = CODED[name]
    for (method, address, _), _ in attacked:
        assert settled(target.call(method, address, body, Content_Encoding=coding)) >= 400, address


# Routes whose body is the caller's own fields, by name.
FREE = {"/v1/collections/{collection}/documents/{document_id}"}


def test_a_field_that_nobody_knows_is_named(target: Live, attacked: Any):
    for (method, address, path), example in attacked:
        if isinstance(example, dict) and path not in FREE:
            error = target.refused(method, address, example | {"zzz_unknown": 1})
            places = [each["path"] for each in error["details"]["validation_errors"]]
            assert "$.zzz_unknown" in places, (path, error)


def objects_in(value: Any, path: str = "$") -> Any:
    """Every object inside a JSON value, with its path."""
    if isinstance(value, dict):
        yield path, value
        for name, part in value.items():
            yield from objects_in(part, f"{path}.{name}")
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from objects_in(part, f"{path}[{place}]")


def test_every_field_of_every_body_may_be_null_or_anything(target: Live, attacked: Any):
    sent = 0
    for (method, address, _), example in attacked:
        text = json.dumps(example)
        for place, (_, fields) in enumerate(objects_in(example)):
            for name in fields:
                for value in (None, [], {}, "", "\x00", -1, 1e308, [None], {"a": None}):
                    body = json.loads(text)
                    _, inner = list(objects_in(body))[place]
                    inner[name] = value
                    settled(target.call(method, address, body))
                    sent += 1
    assert sent > 1_000


# Stages.


def needed(kind: Any) -> dict[str, Any]:
    """The parameters a stage can't do without."""
    whole = {
        "FeatureSearch": {"searches": [a_search()]},
        "AttributeFilter": {"conditions": {"price": {"lt": 5}}},
        "Rerank": {"boost_by_interaction_count": {}},
    }
    return whole.get(kind.__name__, {})


def create(live: Live, stage_id: str, parameters: dict[str, Any]) -> Reply:
    stage = {"config": {"stage_id": stage_id, "parameters": parameters}}
    stages = [stage] if stage_id == "feature_search" else [a_stage(), stage]
    return live.call("POST", "/v1/retrievers", {"retriever_name": a_name(), "stages": stages})


@pytest.mark.parametrize("stage_id", STRUCTS)
def test_every_parameter_of_a_stage_is_checked(target: Live, stage_id: str):
    kind = STRUCTS[stage_id]
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        for value in WRONG:
            reply = create(target, stage_id, needed(kind) | {name: value})
            fits = is_taken(value, field.type)
            if settled(reply) < 400:
                assert fits, (stage_id, name, value)
            else:
                places = reply.json["error"]["details"]["validation_errors"]
                assert fits or any(f".{name}" in place["path"] for place in places), reply.json


INNER: dict[str, tuple[Any, str, Any]] = {
    "search": (SearchEntry, "feature_search", lambda sent: {"searches": [a_search() | sent]}),
    "query": (VectorQuery, "feature_search", lambda sent: {
        "searches": [a_search(query={"input_mode": "text", "value": "x"} | sent)]}),
    "learning": (LearningConfig, "feature_search", lambda sent: {
        "searches": [a_search()], "fusion": "learned", "learning_config": sent}),
    "static fusion": (StaticFusion, "feature_search", lambda sent: {
        "searches": [a_search()], "fusion": "learned", "learning_config": {"static_fusion": sent}}),
    "facet": (Facet, "feature_search", lambda sent: {
        "searches": [a_search()], "facets": [{"key": "brand"} | sent]}),
    "groups": (SearchGroups, "feature_search", lambda sent: {
        "searches": [a_search()], "group_by": {"field": "brand"} | sent}),
    "boost": (InteractionBoost, "rerank", lambda sent: {"boost_by_interaction_count": sent}),
    "diversity": (DiversityFeature, "mmr", lambda sent: {
        "diversity_features": [{"feature_uri": "x"} | sent]}),
}  # fmt: skip


def test_every_object_inside_a_parameter_is_attacked():
    assert set(inner_structs()) <= {kind for kind, _, _ in INNER.values()}


@pytest.mark.parametrize("name", INNER)
def test_every_field_inside_a_parameter_is_checked(target: Live, name: str):
    kind, stage_id, around = INNER[name]
    for field in msgspec.structs.fields(kind):
        for value in WRONG:
            reply = create(target, stage_id, around({field.encode_name: value}))
            taken = settled(reply) < 400
            assert not taken or is_taken(value, field.type), (field.name, value)


def is_taken(value: Any, annotation: Any) -> bool:
    """Whether a value is one of the parameter's type and limits, as JSON has it."""
    try:
        msgspec.convert(value, annotation)
    except (msgspec.ValidationError, OverflowError):
        return False
    return True


@pytest.mark.parametrize("stage_id", STRUCTS)
def test_a_template_bomb_in_a_parameter_does_not_go_off(target: Live, stage_id: str):
    kind = STRUCTS[stage_id]
    inputs = {"query": "wireless", "q": "x" * 9_000, "many": ["x" * 90] * 900}
    for place, bomb in enumerate(BOMBS):
        fields = msgspec.structs.fields(kind)
        name = fields[place % len(fields)].encode_name
        reply = create(target, stage_id, needed(kind) | {name: bomb})
        if settled(reply) < 400:
            path = f"/v1/retrievers/{reply.json['retriever_id']}/execute"
            settled(target.call("POST", path, {"inputs": inputs}))


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_bomb_in_a_query_or_filter_does_not_go_off(target: Live, bomb: str):
    inputs = {"query": "wireless", "q": "x" * 9_000, "many": ["x" * 90] * 900}
    for stage in (a_stage([a_search(query=bomb)]), a_stage(pre_filters={"colour": bomb})):
        body = {"retriever_name": a_name(), "stages": [stage]}
        reply = target.call("POST", "/v1/retrievers", body)
        if settled(reply) < 400:
            path = f"/v1/retrievers/{reply.json['retriever_id']}/execute"
            settled(target.call("POST", path, {"inputs": inputs}))


@pytest.mark.parametrize("value", WRONG, ids=lambda value: json.dumps(value)[:20])
def test_an_input_may_be_anything(target: Live, value: Any):
    stages = [a_stage(), {"type": "limit", "limit": "{{INPUT.k}}"}]
    retriever = make_retriever(target, [], *stages)
    for inputs in ({"query": value, "k": 2}, {"query": "wireless", "k": value}):
        body = {"inputs": inputs, "user_id": "u"}
        settled(target.call("POST", f"/v1/retrievers/{retriever}/execute", body))


def test_a_refusal_is_no_larger_than_what_it_refuses(target: Live, attacked: Any):
    """Half a million characters of unknown fields are answered at once, and in brief."""
    body = json.dumps({f"key_number_{n}": n for n in range(20_000)}).encode()
    for (method, address, path), _ in attacked:
        if path not in FREE:
            reply = target.call(method, address, body)
            assert settled(reply) == 422
            assert len(reply.content) < 64 * 2**10, path


def test_stages_have_a_number(target: Live):
    for count, status in ((50, 200), (51, 422), (20_000, 422)):
        stages = [a_stage(), *[{"type": "limit"}] * (count - 1)]
        body = {"retriever_name": a_name(), "stages": stages}
        assert settled(target.call("POST", "/v1/retrievers", body)) == status


def test_the_server_is_as_it_was(target: Live):
    assert target.call("GET", "/readyz").status == 200
    assert '"request failed"' not in target.log.read_text()
