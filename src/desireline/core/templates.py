"""Templates: `{{INPUT.query}}` into a value, in a sandbox that can neither loop nor look inside.

Knows Jinja2 and the namespaces INPUT, DOC, CONTEXT, STAGE. Does not know what a value is used for.
Only expressions exist: no statements, no methods, no attributes of Python objects.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
import msgspec
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from desireline.core import times
from desireline.errors import Invalid, NotAvailable, invalid, not_available

MAX_TEMPLATE = 4_000
MAX_OUTPUT = 10_000
MAX_DIGITS = 300
_NAMESPACES = {
    "input": "INPUT", "inputs": "INPUT", "doc": "DOC", "context": "CONTEXT", "stage": "STAGE"
}  # fmt: skip
_EXPRESSIONS = (
    nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Literal,
    nodes.Filter, nodes.Test, nodes.Call, nodes.Compare, nodes.Operand, nodes.BinExpr,
    nodes.UnaryExpr, nodes.CondExpr, nodes.Concat, nodes.Keyword, nodes.Pair, nodes.Slice,
)  # fmt: skip
_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "escape", "first", "float", "int", "items",
    "last", "length", "list", "lower", "max", "min", "reverse", "round", "sort", "string",
    "striptags", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
_TESTS = (
    "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number",
    "string", "mapping", "sequence", "iterable", "odd", "even", "divisibleby", "eq", "ne", "lt",
    "le", "gt", "ge", "in", "==", "!=", "<", "<=", ">", ">=", "equalto", "greaterthan",
    "lessthan", "lower", "upper",
)  # fmt: skip
_FAILURES = (
    jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
    RecursionError,
)  # fmt: skip
_FUNCTIONS = ("max", "min", "abs", "round", "ceil", "floor", "utc_now", "time_ago")


MOST_NAMED = 20  # inputs in a hint


class Missing(Invalid):
    """A template reads an input that was not given; `name` says which."""

    code = "missing_input"

    def __init__(self, name: str) -> None:
        super().__init__(f"the input {name!r} is missing", hint=f"send inputs.{name}")
        self.name = name


class TooLong(Invalid):
    """A value that a template reads is a longer text than `MAX_OUTPUT`; `name` is what it read."""

    code = "too_long"

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` has more than {MAX_OUTPUT:,} characters", hint="shorten it")
        self.name = name


def render(
    template: str,
    inputs: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
    *,
    document: Mapping[str, Any] | None = None,
    stage: Mapping[str, Any] | None = None,
    path: str = "$",
) -> Any:
    """The value of a template: the native value when it is one lone `{{...}}`, else a string.

    INPUT (also `input`, `inputs`), DOC, CONTEXT, STAGE in any case are `inputs`, `document`,
    `context`, `stage`. `context["now_ms"]` is the clock of `utc_now()` and
    `time_ago(days=, hours=, minutes=, seconds=)`, which give ISO 8601 times.

    Raises `Missing` when an input is absent (`default(...)` and conditions may ask for it),
    `errors.Invalid` (`too_long`) at `$.inputs.NAME` for an input of more than `MAX_OUTPUT`
    characters, `errors.Invalid` (`invalid_template`) at `path` for anything the sandbox refuses.

    >>> render("{{INPUT.n}}", {"n": 3}), render("top {{ input.n + 1 }}", {"n": 3})
    (3, 'top 4')
    >>> render("{{ inputs.name | default('x') | slugify }}", {"name": "Über Cool!"})
    'uber-cool'
    """
    if "{{" not in template and "{%" not in template and "{#" not in template:
        return template
    values: dict[str, Any] = {
        "INPUT": inputs, "DOC": document or {}, "CONTEXT": context or {}, "STAGE": stage or {}
    }  # fmt: skip
    now_ms = (context or {}).get("now_ms", 0)
    values |= _clock(now_ms if isinstance(now_ms, int) else 0)
    lone, compiled = _compiled(template, path)
    try:
        return _lone(compiled, values) if lone else _text(compiled, values)
    except Missing as error:
        error.hint = f"{error.hint}; {came(inputs)}"
        where = invalid(path, error.code, error.message, error.hint)
        error.fields = where.fields
        raise
    except TooLong as error:
        at = f"$.inputs.{error.name}" if isinstance(inputs.get(error.name), str) else path
        raise invalid(at, error.code, error.message, error.hint) from error
    except Invalid as error:
        raise _refused(path, error.message) from error
    except _FAILURES as error:
        raise _refused(path, f"the template can't be computed: {error}"[:300]) from error


def came(inputs: Mapping[str, Any]) -> str:
    """Which inputs were sent, for whoever misses one.

    >>> came({"qurey": "lamp"}), came({})
    ('inputs has: qurey', 'inputs is empty')
    """
    names = ", ".join(sorted(inputs)[:MOST_NAMED])
    return f"inputs has: {names}" if names else "inputs is empty"


def check(template: str, path: str = "$") -> None:
    """Refuse a template that could never be rendered; what `render` would refuse at compile time.

    >>> check("{{ INPUT.query }}")
    >>> check("{% for x in INPUT.xs %}{{x}}{% endfor %}")
    Traceback (most recent call last):
    desireline.errors.Invalid: templates hold expressions only: {% for %} is not allowed
    """
    if "{{" in template or "{%" in template or "{#" in template:
        _compiled(template, path)


class _Absent(jinja2.StrictUndefined):
    """An absent value: false in a condition, `Missing` wherever it would be used."""

    def _fail_with_undefined_error(self, *_: Any, **__: Any) -> Any:
        raise Missing(str(self._undefined_name or "?"))

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _fail_with_undefined_error
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _fail_with_undefined_error
    __mod__ = __rmod__ = __pos__ = __neg__ = __call__ = __getitem__ = _fail_with_undefined_error
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = _fail_with_undefined_error
    __abs__ = __round__ = __iter__ = __str__ = __len__ = __contains__ = _fail_with_undefined_error
    __eq__ = __ne__ = __hash__ = _fail_with_undefined_error

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


class _Sandbox(SandboxedEnvironment):
    """Dots and brackets read JSON only; arithmetic that can explode is bounded."""

    intercepted_binops = frozenset(["+", "*", "%", "**", "/", "//", "-"])

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            value = obj[argument]
            if isinstance(value, str) and len(value) > MAX_OUTPUT:
                raise TooLong(argument)
            return _bounded(value)
        if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            try:
                return _bounded(obj[argument])
            except IndexError:
                return self.undefined(obj=obj, name=str(argument))
        if isinstance(obj, jinja2.Undefined):
            raise Missing(f"{obj._undefined_name}.{argument}")
        return self.undefined(obj=obj, name=str(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for operand in (left, right):
            if isinstance(operand, jinja2.Undefined):
                raise Missing(str(operand._undefined_name))
        texts = isinstance(left, str) and isinstance(right, str)
        if operator == "**" or not (_is_number(left, right) or (texts and operator == "+")):
            raise _refused("$", f"{operator} needs two numbers" if operator != "**" else "no **")
        return _bounded(self.binop_table[operator](left, right))


def _is_number(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _bounded(value: Any) -> Any:
    """Strings and integers that a template may hold in its hands."""
    if isinstance(value, str) and len(value) > MAX_OUTPUT:
        raise _refused("$", f"a text in a template has at most {MAX_OUTPUT} characters")
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise _refused("$", f"a number in a template has at most {MAX_DIGITS} digits")
    return value


def _refused(path: str, message: str) -> Invalid:
    return invalid(path, "invalid_template", message, "allowed: {{INPUT.name}} and expressions")


def _lone(compiled: jinja2.Template, values: dict[str, Any]) -> Any:
    scope = compiled.new_context(values)
    for _ in compiled.root_render_func(scope):
        pass
    value = scope.vars["result"]
    if isinstance(value, jinja2.Undefined):
        raise Missing(str(value._undefined_name))
    if not isinstance(value, str | int | float | bool | list | dict | tuple | None):
        value = list(value)
    return _bounded(value)


def _text(compiled: jinja2.Template, values: dict[str, Any]) -> str:
    """Piece by piece, so that a long text stops when it is too long, not when it is complete."""
    pieces: list[str] = []
    length = 0
    for piece in compiled.root_render_func(compiled.new_context(values)):
        length += len(piece)
        if length > MAX_OUTPUT:
            raise _refused("$", f"a rendered template has at most {MAX_OUTPUT} characters")
        pieces.append(piece)
    return "".join(pieces)


def _compiled(template: str, path: str) -> tuple[bool, jinja2.Template]:
    try:
        return _compile(template)
    except NotAvailable as error:
        raise not_available(path, error.message, error.hint) from error
    except Invalid as error:
        raise _refused(path, error.message) from error
    except jinja2.TemplateSyntaxError as error:
        raise _refused(path, f"not a template: {error.message}") from error
    except (RecursionError, MemoryError, SyntaxError, ValueError) as error:
        raise _refused(path, "the template nests too deep") from error


@functools.lru_cache(1_024)
def _compile(template: str) -> tuple[bool, jinja2.Template]:
    if len(template) > MAX_TEMPLATE:
        raise _refused("$", f"a template has at most {MAX_TEMPLATE} characters")
    tag = re.search(r"\{%-?\+?\s*(\w+)", template)
    if tag:
        message = f"templates hold expressions only: {{% {tag[1]} %}} is not allowed"
        raise _refused("$", message)
    tree = _ENVIRONMENT.parse(template.strip())
    _guard(tree)
    lone = _lone_expression(tree)
    if lone is not None:
        target = nodes.Name("result", "store", lineno=1)
        body: list[nodes.Node] = [nodes.Assign(target, lone, lineno=1)]
        return True, _ENVIRONMENT.from_string(nodes.Template(body, lineno=1))
    tree = _ENVIRONMENT.parse(template)
    _guard(tree)
    return False, _ENVIRONMENT.from_string(tree)


def _lone_expression(tree: nodes.Template) -> nodes.Expr | None:
    if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output):
        parts = tree.body[0].nodes
        if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
            return parts[0]
    return None


def _guard(tree: nodes.Template) -> None:
    """Only listed kinds of nodes, known names; namespaces get their one spelling."""
    called = {id(node.node) for node in tree.find_all(nodes.Call)}
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _EXPRESSIONS):
            kind = type(node).__name__.lower()
            raise _refused("$", f"templates hold expressions only: {kind} is not allowed")
        _guard_names(node, called)


def _guard_names(node: nodes.Node, called: set[int]) -> None:
    if isinstance(node, nodes.Pow):
        raise _refused("$", "** is not allowed")
    if isinstance(node, nodes.Const):
        _guard_number(node.value)
    elif isinstance(node, nodes.Call):
        _guard_call(node)
    elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise _refused("$", f"{node.attr} is not readable: names starting with _ are closed")
    elif isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
        raise _refused("$", f"no filter {node.name!r}: {', '.join(sorted(_ENVIRONMENT.filters))}")
    elif isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
        raise _refused("$", f"no test {node.name!r}: {', '.join(sorted(_ENVIRONMENT.tests))}")
    elif isinstance(node, nodes.Name) and id(node) not in called:
        _guard_namespace(node)


def _guard_call(node: nodes.Call) -> None:
    if not isinstance(node.node, nodes.Name) or node.node.name not in _FUNCTIONS:
        name = getattr(node.node, "name", None) or getattr(node.node, "attr", "that")
        raise _refused("$", f"{name}() is not a function: {', '.join(_FUNCTIONS)}")
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _refused("$", "* and ** in a call are not allowed")


def _guard_number(value: Any) -> None:
    """A literal beyond the range of floats would be compiled into the name `inf`."""
    if isinstance(value, int | float) and not abs(value) < 10**MAX_DIGITS:
        raise _refused("$", f"a number in a template has at most {MAX_DIGITS} digits")


def _guard_namespace(node: nodes.Name) -> None:
    lowered = node.name.lower()
    if lowered == "secret":
        raise NotAvailable("SECRET is not available in templates", hint="there is no secret store")
    if lowered not in _NAMESPACES:
        known = "INPUT, DOC, CONTEXT, STAGE"
        raise _refused("$", f"unknown name {node.name!r}: write INPUT.{node.name} ({known})")
    node.name = _NAMESPACES[lowered]


def _slugify(value: Any) -> str:
    plain = unicodedata.normalize("NFKD", str(value)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "yes", "y", "on")
    return bool(value)


def _tojson(value: Any) -> str:
    if isinstance(value, jinja2.Undefined):
        raise Missing(str(value._undefined_name))
    return msgspec.json.encode(value).decode()


def _replace(value: Any, old: str, new: str) -> str:
    text = str(value)
    grown = len(text) + text.count(str(old)) * len(str(new))
    if grown > 2 * MAX_OUTPUT:
        raise _refused("$", f"a text in a template has at most {MAX_OUTPUT} characters")
    return text.replace(str(old), str(new))


def _join(values: Any, separator: str = "") -> str:
    texts = [str(value) for value in values]
    if sum(map(len, texts)) + len(texts) * len(separator) > 2 * MAX_OUTPUT:
        raise _refused("$", f"a text in a template has at most {MAX_OUTPUT} characters")
    return separator.join(texts)


def _clock(now_ms: int) -> dict[str, Callable[..., str]]:
    def utc_now() -> str:
        return times.iso(now_ms)

    def time_ago(days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> str:
        ago = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        return times.iso(max(0, now_ms - round(ago * 1000)))

    return {"utc_now": utc_now, "time_ago": time_ago}


def _environment() -> _Sandbox:
    made = _Sandbox(
        undefined=_Absent, finalize=lambda value: "" if value is None else value,
        optimized=False, keep_trailing_newline=True, cache_size=0,
    )  # fmt: skip
    kept = {name: made.filters[name] for name in _FILTERS if name in made.filters}
    own = {"slugify": _slugify, "bool": _bool, "tojson": _tojson}
    made.filters = {**kept, **own, "replace": _replace, "join": _join}
    made.tests = {name: made.tests[name] for name in _TESTS}
    made.globals = {
        "max": max, "min": min, "abs": abs, "round": round, "ceil": math.ceil, "floor": math.floor
    }  # fmt: skip
    return made


_ENVIRONMENT = _environment()
