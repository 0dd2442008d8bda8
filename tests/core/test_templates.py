"""Templates: native values, the namespaces, and a corpus of hostile ones that must end quickly."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.templates import MAX_OUTPUT, Missing, check, render
from desireline.errors import Invalid, NotAvailable

NOW = {"now_ms": 1_700_000_000_000}
INPUTS = {"query": "red shoe", "n": 7, "price": 2.5, "list": [1, 2], "on": True, "none": None,
          "deep": {"a": {"b": "x"}}, "items": 3, "keys": "k", "zero": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{INPUT.query}}", "red shoe"),
        ("{{ input.query }}", "red shoe"),
        ("{{inputs['query']}}", "red shoe"),
        ("  {{ Input.n }} ", 7),
        ("{{INPUT.list}}", [1, 2]),
        ("{{INPUT.deep}}", {"a": {"b": "x"}}),
        ("{{INPUT.deep.a.b}}", "x"),
        ("{{INPUT.list[1]}}", 2),
        ("{{INPUT.on}}", True),
        ("{{INPUT.none}}", None),
        ("[{{INPUT.none}}]", "[]"),
        ("{{INPUT.items}}{{INPUT.keys}}", "3k"),
        ("a {{INPUT.n}} b {{INPUT.price}}", "a 7 b 2.5"),
        ("{{INPUT.n * 2 + 1}}", 15),
        ("{{INPUT.n / 2}}", 3.5),
        ("{{INPUT.n // 2}} {{INPUT.n % 4}}", "3 3"),
        ("{{ -INPUT.n }}", -7),
        ("{{INPUT.query + '!'}}", "red shoe!"),
        ("{{INPUT.query ~ INPUT.n}}", "red shoe7"),
        ("{{INPUT.query | upper}}", "RED SHOE"),
        ("{{INPUT.query | slugify}}", "red-shoe"),
        ("{{'yes' | bool}} {{'no' | bool}}", "True False"),
        ("{{INPUT.list | tojson}}", "[1,2]"),
        ("{{INPUT.list | join('-')}}", "1-2"),
        ("{{INPUT.query | replace('red', 'blue')}}", "blue shoe"),
        ("{{INPUT.absent | default('x')}}", "x"),
        ("{{INPUT.absent or INPUT.query}}", "red shoe"),
        ("{{'a' if INPUT.absent else 'b'}}", "b"),
        ("{{INPUT.absent is defined}}", False),
        ("{{max(INPUT.n, 9)}}", 9),
        ("{{min(INPUT.list)}} {{abs(-2)}} {{round(2.46, 1)}}", "1 2 2.5"),
        ("{{ceil(1.2)}} {{floor(1.8)}}", "2 1"),
        ("{{utc_now()}}", "2023-11-14T22:13:20.000Z"),
        ("{{time_ago(days=1, hours=2)}}", "2023-11-13T20:13:20.000Z"),
        ("{{DOC.title}} {{stage.name}} {{context.locale}}", "T s de"),
        ("{{ [INPUT.n, 1] }}", [7, 1]),
        ("{{ {'a': INPUT.n} }}", {"a": 7}),
        ("{{INPUT.query[:3]}}", "red"),
        ("{{INPUT.n > 3 and INPUT.n in [7, 8]}}", True),
        ("{# note #}x", "x"),
        ("two\n{{INPUT.n}}\n", "two\n7\n"),
    ],
)
def test_values(template, value):
    context = NOW | {"locale": "de"}
    found = render(template, INPUTS, context, document={"title": "T"}, stage={"name": "s"})
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "template",
    ["{{INPUT.absent}}", "x {{INPUT.absent}}", "{{INPUT.absent.deeper}}", "{{INPUT.absent + 1}}",
     "{{INPUT.absent | upper}}", "{{INPUT.absent == 1}}", "{{max(INPUT.absent, 1)}}",
     "{{INPUT.absent | tojson}}", "{{abs(INPUT.absent)}}", "{{DOC.absent}}", "{{INPUT.list[9]}}",
     "{{INPUT.absent ~ 'x'}}", "{{ -INPUT.absent}}", "{{1 in INPUT.absent}}"],
)  # fmt: skip
def test_what_is_missing_is_named_with_its_path(template):
    with pytest.raises(Missing) as caught:
        render(template, INPUTS, path="$.searches[0].query")
    assert caught.value.code == "missing_input"
    assert caught.value.fields[0].path == "$.searches[0].query"


HOSTILE = [
    "{% for x in INPUT.list %}{{x}}{% endfor %}",
    "{%- set x = 1 -%}{{x}}",
    "{% if INPUT.n %}x{% endif %}",
    "{% include 'x' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{% macro f() %}{{f()}}{% endmacro %}",
    "{% raw %}{{x}}{% endraw %}",
    "{% block a %}{% endblock %}",
    "{% while true %}",
    "{{ ''.__class__ }}x{{ ''.__class__.__mro__ }}()",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ INPUT.query.upper() }}",
    "{{ INPUT.keys() }}",
    "{{ INPUT['__class__']['__init__']() }}",
    "{{ '{0.__class__}'.format(INPUT) }}",
    "{{ '%s' | format(INPUT) }}",
    "{{ INPUT | attr('__class__') }}",
    "{{ INPUT.list | map('attr', '__class__') | list }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ lipsum(n=100) }}",
    "{{ range(10**9) | list }}",
    "{{ range(5) }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ joiner() }}",
    "{{ query }}",
    "{{ SECRET_KEY }}",
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ [1] + [2] }}",
    "{{ 10 ** 10 ** 8 }}",
    "{{ 2 ** INPUT.n }}",
    "{{ '%999999999d' % 1 }}",
    "{{ 'x' | center(999999999) }}",
    "{{ 'x' | indent(999999999) }}",
    "{{ 'x' | ljust(999999999) }}",
    "{{ ('a' * 5) }}",
    "{{ INPUT.long }}",
    "{{ INPUT.almost }}{{ INPUT.almost }}",
    "{{ INPUT.almost + INPUT.almost }}",
    "{{ INPUT.almost ~ INPUT.almost }}",
    "{{ INPUT.almost | replace('a', INPUT.almost) }}",
    "{{ INPUT.many | join(INPUT.almost) }}",
    "{{ 9" + " * 999999999999999999" * 150 + " }}",
    "{{ 1 / INPUT.zero }}",
    "{{ 1e308 * 10 | int }}{{ floor(1e308 * 10) }}",
    "{{ time_ago(days=1e400) }}",
    "{{ time_ago(days=-1e15) }}",
    "{{ 1e400 }}",
    "{{ 1" + "0" * 400 + " }}",
    "{{ round(INPUT.query) }}",
    "{{ max() }}",
    "{{ max(*INPUT.list) }}",
    "{{ max(**INPUT.deep) }}",
    "{{ INPUT.n | unknown }}",
    "{{ INPUT.n is unknown }}",
    "{{ INPUT.n is sameas 1 }}",
    "{{ INPUT.n",
    "}}{{",
    "{{ }}",
    "{{ INPUT. }}",
    "{{" + "(" * 1_500 + "1" + ")" * 1_500 + "}}",
    "{{" + "[" * 150 + "]" * 150 + "}}",
    "{{" + "-" * 3_000 + "1}}",
    "{{ " + "not " * 900 + "1 }}",
    "{{ 1" + " + 1" * 900 + " }} " * 2,
    "{{INPUT.n}}" + "x" * 4_000,
    "{{ INPUT.query | truncate(5, leeway='x') }}",
    "{{ INPUT | sort(attribute='__class__.__init__') }}",
    "{{ utc_now(1) }}",
    "{{ INPUT.n | round(method='x') }}",
    "{{ (INPUT.n).real }}{{ INPUT.query.__len__ }}",
    "{{ loop.index }}",
    "{{ caller() }}",
    "{{ varargs }}",
    "{{ INPUT.n if }}",
    "\x00{{\x00}}",
    "{{ '\\x41' * 3 }}",
]
BIG = INPUTS | {
    "long": "a" * (MAX_OUTPUT + 1),
    "almost": "a" * (MAX_OUTPUT - 1),
    "many": [1] * 5000,
}


@pytest.mark.parametrize("template", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_templates_are_refused_quickly(template):
    begin = time.perf_counter()
    with pytest.raises(Invalid) as caught:
        render(template, BIG, NOW, path="$.q")
    too_long = caught.value.code == "too_long"  # the input is to blame, not the template
    assert caught.value.fields[0].path == ("$.inputs.long" if too_long else "$.q")
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{% for x in y %}", "{% for %}"),
        ("{%- set x = 1 %}", "{% set %}"),
        ("{{ range(3) }}", "range"),
        ("{{ query }}", "INPUT.query"),
        ("{{ INPUT.n | map }}", "map"),
        ("{{ INPUT.query.upper() }}", "upper"),
    ],
)
def test_a_refusal_names_what_it_refuses(template, named):
    with pytest.raises(Invalid) as caught:
        check(template)
    assert named in caught.value.message


@pytest.mark.parametrize("name", ["SECRET.key", "secret['key']", "Secret"])
def test_secrets_are_not_available(name):
    with pytest.raises(NotAvailable) as caught:
        render("{{" + name + "}}", {}, path="$.q")
    assert caught.value.fields[0].path == "$.q"


@given(st.text(alphabet="{}%#|.()[]'\" INPUTquery_~+-*/0129,:=\n", max_size=60))
def test_any_text_renders_or_is_refused(text):
    refusal = None
    try:
        render(text, INPUTS, NOW)
    except Invalid as error:
        refusal = error
    assert refusal is None or refusal.message


@given(st.text(max_size=50))
def test_values_are_never_read_as_templates(text):
    assert render("{{INPUT.q}}", {"q": text}) == text
    assert render("a{{INPUT.q}}", {"q": text + "{{INPUT.q}}"}) == "a" + text + "{{INPUT.q}}"
