"""What the seeds take for granted, served: two collections, both features, a retriever by curl.

Knows how a snippet for the shell is run as it stands; not what must come back.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.live import IMAGE, TEXT, Live, a_document, serving
from tests.e2e.seeds import blocks, section, seed

CAPTURE = "/v1/retrievers/interactions"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server of its own, with what the seeds take for granted: two collections, both features."""
    seed("002")
    with serving(tmp_path_factory.mktemp("conformance")) as live:
        text = {"feature_uri": TEXT, "kind": "lexical", "fields": ["title"]}
        image = {"feature_uri": IMAGE, "kind": "dense", "model": "static", "fields": ["caption"]}
        documents = [a_document(number) for number in range(26)]
        documents.append(a_document(29, document_id="doc_xyz789"))
        documents.append(a_document(2, document_id="doc_product_789"))
        for number, document in enumerate(documents):
            del document["_vectors"]
            if number % 3 and number < 26:  # words that few documents have say more
                document["title"] = f"cable for headphones, model {number}"
        for name, features, rows in (
            ("products", [text, image], documents),
            ("videos", [image], [{"document_id": "v1", "caption": "how to wear earbuds"}]),
        ):
            live.ok("POST", "/v1/collections", {"collection_name": name, "features": features})
            path = f"/v1/collections/{name}/documents/upsert"
            assert live.ok("POST", path, {"documents": rows})["failed"] == 0
        yield live


def shell(live: Live, command: str, **variables: str) -> Any:
    """What a snippet for the shell prints, as JSON; `{retriever_id}` in it is filled in."""
    given = {"MP_API_URL": live.url, "MP_API_KEY": "key", "MP_NAMESPACE": "default", **variables}
    text = command.replace("{retriever_id}", variables.get("RETRIEVER_ID", ""))
    text = text.replace("curl ", "curl --silent --show-error ")
    done = subprocess.run(
        ["bash", "-c", text], env={**os.environ, **given}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def posted(live: Live, body: str, path: str = CAPTURE) -> Any:
    """A body sent by curl without a content type."""
    return shell(live, f"curl -X POST \"$MP_API_URL{path}\" -d '{body}'")


def parameters_of(retriever: Any) -> Any:
    return retriever["stages"][0]["config"]["parameters"]


@pytest.fixture(scope="module")
def created(shop: Live) -> Any:
    """Section 1: what curl got for the retriever it made."""
    (command,) = blocks(section(1), "bash")
    assert "Content-Type" not in command
    return shell(shop, command)


@pytest.fixture(scope="module")
def retriever(created: Any) -> str:
    return str(created["retriever_id"])
