"""One word per thing: names in the source use the words of GLOSSARY.md, not their synonyms.

Looks at names that we choose: modules, classes, functions, arguments, variables, columns. Wire
shapes (`http/wire`, parameters of stages), dialects (`core/dialects`) and names of other people's
interfaces are theirs.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from desireline.types.log import TABLES
from tests.house.source import ROOT, SRC, place, python_files, tree_of

BANNED = {
    "event": "interaction",
    "events": "interactions",
    "item": "document",
    "items": "documents",
    "product": "document",
    "products": "documents",
    "strategy": "policy",
    "purge": "erase",
    "chunk": "batch",
    "chunks": "batches",
    "exposures": "impressions",
    "pipeline": "retriever",
    "workspace": "namespace",
    "tenant": "namespace",
    "pscore": "propensity",
    "embedder": "encoder",
    "reranker": "ranker",
    "rerank": "rank",
    "helper": "the noun or verb it is",
    "helpers": "the noun or verb it is",
    "util": "the noun or verb it is",
    "utils": "the noun or verb it is",
    "manager": "the noun it keeps",
}
THEIRS = ("core/dialects/", "core/stages/", "http/wire/")
ALLOWED = {
    "event_log": "the port of the analytic tables, named so in the architecture",
    "client_event_id": "a column: the client's own name for it",
    "batch_event_id": "one client_event_id of a batch",
    "fallback_strategy": "a field of learning_config on the wire",
    "event_type": "a query parameter of the activity route",
}


def words(name: str) -> list[str]:
    """The words of an identifier, lower case.

    >>> words("client_eventId"), words("EventLog")
    (['client', 'event', 'id'], ['event', 'log'])
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in spaced.lower().split("_") if word]


def names(path: Path) -> list[tuple[ast.AST, str]]:
    """What a file names itself: the file, classes, functions, arguments, assigned variables."""
    tree = tree_of(path)
    found: list[tuple[ast.AST, str]] = [(tree, path.stem)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((node, node.name))
        elif isinstance(node, ast.arg):
            found.append((node, node.arg))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append((node, node.id))
    return found


def synonym(name: str) -> str | None:
    """The banned word in a name, unless the name as a whole is allowed."""
    plain = "_".join(words(name))
    for allowed in ALLOWED:
        plain = plain.replace(allowed, "")
    return next((word for word in plain.split("_") if word in BANNED), None)


def test_names_use_the_words_of_the_glossary():
    wrong = [
        f"{place(path, node)} {name}: say {BANNED[word]}, not {word}"
        for path in python_files("src")
        if not str(path.relative_to(SRC)).startswith(THEIRS)
        for node, name in names(path)
        if (word := synonym(name))
    ]
    assert not wrong


def test_columns_use_the_words_of_the_glossary():
    columns = {field for row in TABLES.values() for field in row.__struct_fields__}
    assert {name: synonym(name) for name in columns if synonym(name)} == {}


def test_the_glossary_lists_what_is_banned():
    text = (ROOT / "GLOSSARY.md").read_text("utf-8").lower()
    shared = {"event", "item", "product", "strategy", "purge", "chunk", "pipeline", "workspace"}
    assert [word for word in shared if word not in text] == []


def test_a_banned_word_is_found():
    assert synonym("raw_events") == "events"
    assert synonym("EventLog") is None
    assert synonym("client_event_id") is None
    assert synonym("chunk") == "chunk"
