"""Words of names and of summary lines: splitting, dropping, inflecting, replacing.

Knows English a little, by a small table of its own; knows nothing of documents or of searching.
Chance is an argument.
"""

from __future__ import annotations

import re

import numpy as np

_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_WORD = re.compile(r"[^\W\d_][^\W_]+")

_STOP_WORDS = """
    a an and any are as at be been being by can do does each either else for from given has have
    if in into is it its may more most must not of on one only or other our over set should so
    some such than that the their them then there these they this those to under up use used
    uses using via was we were what when where which while will with within would you your
    none true false self return returns
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

SYNONYMS = {
    "add": "append", "array": "sequence", "build": "make", "bytes": "binary", "call": "invoke",
    "change": "modify", "character": "letter", "characters": "letters", "check": "test",
    "close": "shut", "code": "program", "command": "instruction", "compare": "match",
    "compute": "calculate", "connection": "link", "contain": "hold", "convert": "transform",
    "copy": "duplicate", "create": "make", "current": "present", "date": "day",
    "default": "standard", "delete": "remove", "dictionary": "mapping", "directory": "folder",
    "display": "show", "element": "entry", "elements": "entries", "empty": "blank",
    "error": "failure", "exception": "error", "execute": "run", "file": "document",
    "find": "locate", "first": "initial", "format": "layout", "function": "routine",
    "generate": "produce", "get": "fetch", "given": "specified", "handle": "process",
    "handler": "processor", "header": "heading", "initialize": "prepare", "input": "source",
    "insert": "add", "integer": "whole number", "iterate": "loop", "iterator": "loop",
    "items": "entries", "key": "name", "last": "final", "length": "size", "line": "row",
    "lines": "rows", "list": "sequence", "message": "mail", "method": "routine",
    "module": "library", "name": "title", "new": "fresh", "number": "count", "object": "thing",
    "open": "start", "output": "result", "parse": "read", "path": "location", "print": "show",
    "process": "task", "produce": "generate", "quote": "escape", "raise": "throw",
    "random": "arbitrary", "read": "load", "receive": "get", "remove": "delete",
    "replace": "substitute", "request": "query", "send": "transmit", "sequence": "list",
    "server": "service", "socket": "connection", "sort": "order", "split": "divide",
    "start": "begin", "stop": "end", "store": "save", "string": "text", "strings": "texts",
    "support": "help", "test": "check", "text": "string", "thread": "worker", "time": "clock",
    "turn": "convert", "update": "refresh", "value": "content", "wait": "pause",
    "window": "frame", "wrap": "enclose", "write": "save",
}  # fmt: skip


def name_words(name: str) -> list[str]:
    """The lower-case words of an identifier or dotted name.

    >>> name_words("http.cookiejar.DefaultCookiePolicy.set_ok")
    ['http', 'cookiejar', 'default', 'cookie', 'policy', 'set', 'ok']
    """
    parts = _CAMEL if name.isascii() else _WORD
    return [word.lower() for word in parts.findall(name)]


def content_words(text: str) -> list[str]:
    """The lower-case words of a sentence that carry meaning, in order.

    >>> content_words("Return the path of a temporary file.")
    ['path', 'temporary', 'file']
    >>> content_words("Größe 42: Стол, 3 Stühle")
    ['größe', 'стол', 'stühle']
    """
    words = (word.lower() for word in _WORD.findall(text))
    return [word for word in words if len(word) > 1 and word not in STOP_WORDS]


def inflect(word: str) -> str:
    """Another form of the word: plural to singular, stem to plural, -ing to stem.

    >>> [inflect(word) for word in ("file", "files", "parsing", "entry", "class")]
    ['files', 'file', 'pars', 'entries', 'classes']
    """
    if len(word) < 4 or word.endswith(("ed", "ly", "al", "ive", "ous", "able")):
        return word
    if word.endswith("ing") and len(word) > 5:
        return word[:-3]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("s", "x", "ch", "sh")):
        return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) else word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def reword(
    words: list[str], drop: list[float], turn: float, replace: float, rng: np.random.Generator
) -> list[str]:
    """Words dropped (a chance each), inflected, replaced; two to six remain, in their order."""
    luck = rng.random(len(words))
    kept = [word for word, own, chance in zip(words, luck, drop, strict=True) if own >= chance]
    if len(kept) < 2:
        kept = words[:2]
    chances = rng.random((len(kept), 2))
    changed = []
    for word, (replaced, turned) in zip(kept[:6], chances, strict=False):
        if replaced < replace and word in SYNONYMS:
            changed.append(SYNONYMS[word])
        else:
            changed.append(inflect(word) if turned < turn else word)
    return changed
