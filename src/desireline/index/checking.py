"""Index folders, looked at in copies: do they open, is every document there, do vectors fit.

As a program (`python -m desireline.index.checking`, folders as JSON on standard input) this is the
child that opens a copy: damaged files may end the process that opens them. Knows folders and
points. The engine keeps no checksums, so a changed byte inside a value is not noticed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from qdrant_edge import EdgeShard

from desireline.index import folder
from desireline.index.optimise import copy_files
from desireline.index.vectors import DOCUMENT_ID, FIELDS, point_id, vector_name
from desireline.types.checking import Finding
from desireline.types.retriever import Collection

STORE = "index"
CHECK_SECONDS = 3600
_RESTORE = "restore the folder from a copy, or delete the collection and import it again"


class Asked(msgspec.Struct):
    """A copied generation to look at, and what has to be in it."""

    files: str
    collection: Collection
    optimised: int


def check(root: Path, collections: Sequence[Collection], room: Path) -> list[Finding]:
    """One finding a collection, and one for folders that no collection names."""
    found = [_collection(root, each, room) for each in collections]
    known = {_path(root, each) for each in collections}
    left = [path for path in sorted(root.glob("*/v*")) if path not in known]
    if left:
        names = ", ".join(str(path.relative_to(root)) for path in left[:3])
        detail = f"{len(left)} folders of no collection; a start would remove them: {names}"
        found.append(Finding(STORE, "left-overs", "warn", detail))
    return found or [Finding(STORE, "collections", "ok", "there are none")]


def _path(root: Path, collection: Collection) -> Path:
    return root / collection.collection_id / f"v{collection.index_version}"


def _collection(root: Path, collection: Collection, room: Path) -> Finding:
    path, name = _path(root, collection), collection.collection_name
    if not folder.exists(path):
        detail = f"the folder {path.relative_to(root)} is missing: a start would make it empty"
        return Finding(STORE, name, "bad", detail, _RESTORE)
    try:
        state = msgspec.json.decode((path / "state.json").read_bytes(), type=folder.State)
    except msgspec.MsgspecError as error:
        return Finding(STORE, name, "bad", f"state.json cannot be read: {error}", _RESTORE)
    declared = {feature.feature_uri for feature in collection.features}
    if set(state.features) != declared:
        other = ", ".join(sorted(declared ^ set(state.features)))
        detail = f"the folder was built for other features than the catalogue has: {other}"
        return Finding(STORE, name, "bad", detail, "rebuild the collection")
    files = folder.generation_path(path, state.generation)
    if not files.is_dir():
        detail = f"the generation {files.name} that state.json names is missing"
        return Finding(STORE, name, "bad", detail, _RESTORE)
    return _looked_at(files, collection, state, room)


def _looked_at(files: Path, collection: Collection, state: folder.State, room: Path) -> Finding:
    """Copy, look in a child, remove the copy."""
    name, copied = collection.collection_name, room / "index"
    try:
        copy_files(files, copied)
    except OSError as error:
        hint = "free as much space as the largest collection takes"
        return Finding(STORE, name, "bad", f"cannot be copied: {error}", hint)
    asked = Asked(str(copied), collection, state.optimised)
    done = subprocess.run(
        [sys.executable, "-m", "desireline.index.checking"],
        input=msgspec.json.encode(asked), capture_output=True, timeout=CHECK_SECONDS, check=False,
    )  # fmt: skip
    shutil.rmtree(copied, ignore_errors=True)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        detail = f"does not open: {words[-1][:300] if words else f'exit {done.returncode}'}"
        return Finding(STORE, name, "bad", detail, _RESTORE)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Finding)


def examine(asked: Asked) -> Finding:
    """Every point of the copy: its document is there, under its id, with vectors that fit."""
    name = asked.collection.collection_name
    shard = EdgeShard.load(asked.files)
    opened = folder.Folder(Path(asked.files), folder.State(), shard)
    dense = {
        vector_name(each.feature_uri): each.dimension
        for each in asked.collection.features
        if each.kind == "dense"
    }
    count, read, wrong = opened.count(), 0, []
    for page in opened.records(vectors=True):
        read += len(page)
        wrong += [str(each.id) for each in page if not _is_whole(each, dense)]
    shard.close()
    if wrong:
        detail = f"{len(wrong)} of {count:,} documents are damaged: point {wrong[0]}"
        return Finding(STORE, name, "bad", detail, _RESTORE)
    if read != count:
        detail = f"{count:,} documents are counted, {read:,} can be read"
        return Finding(STORE, name, "bad", detail, _RESTORE)
    if asked.optimised and count < asked.optimised // 2:
        detail = f"{count:,} documents; {asked.optimised:,} when it was last optimised"
        return Finding(STORE, name, "warn", detail, "were half of the documents deleted since?")
    return Finding(STORE, name, "ok", f"{count:,} documents, {len(dense)} dense features")


def _is_whole(record: Any, dense: dict[str, int]) -> bool:
    payload = record.payload or {}
    document_id = payload.get(DOCUMENT_ID)
    if not isinstance(document_id, str) or not isinstance(payload.get(FIELDS), dict):
        return False
    vectors = record.vector if isinstance(record.vector, dict) else {}
    fit = all(
        np.isfinite(vectors[name]).all() and len(vectors[name]) == (size or len(vectors[name]))
        for name, size in dense.items()
        if name in vectors
    )
    return bool(fit) and point_id(document_id) == record.id


def main() -> None:
    """The child: one line of JSON."""
    finding = examine(msgspec.json.decode(sys.stdin.buffer.read(), type=Asked))
    sys.stdout.write(msgspec.json.encode(finding).decode() + "\n")


if __name__ == "__main__":
    main()
