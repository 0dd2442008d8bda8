"""What was acknowledged survives `kill -9`: 20 rounds against one folder, killed in upserts."""

from __future__ import annotations

import asyncio
import random
import select
import subprocess
import sys
import time
from pathlib import Path

from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from tests.builders import OWN, TITLE, a_collection, a_document

ROUNDS = 20
SLICE = 20


def write_until_killed(root: Path, round_: int) -> None:
    """The child: upsert and delete, and print what the index has acknowledged."""
    index, collection = QdrantIndex(root, encoder_for), a_collection()
    index.create(collection)

    async def write() -> None:
        for number in range(100_000):
            ids = [f"{round_}-{number}-{i}" for i in range(SLICE)]
            vector = [1.0, float(number), float(round_), 0.0]
            await index.upsert(
                collection, [a_document(i, vector, title=f"red shoe {i}") for i in ids]
            )
            await index.delete(collection, ids[:1])
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()

    asyncio.run(write())


def acknowledged_before_a_kill(root: Path, round_: int, rng: random.Random) -> int:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.index.test_kill", str(root), str(round_)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert select.select([child.stdout], [], [], 30)[0], "the child never acknowledged anything"
    time.sleep(rng.uniform(0.0, 0.15))
    child.kill()
    lines = child.stdout.read().split("\n")[:-1]
    child.stdout.close()
    child.wait()
    return len(lines)


def test_acknowledged_documents_survive_kill_9(tmp_path: Path) -> None:
    rng, counts = random.Random(9), []
    for round_ in range(ROUNDS):
        counts.append(acknowledged_before_a_kill(tmp_path, round_, rng))
        index, collection = QdrantIndex(tmp_path, encoder_for), a_collection()
        index.create(collection)
        for earlier, count in enumerate(counts):
            expect_all(index, earlier, count)
        index.close()
    print(f"{ROUNDS} kills, {sum(counts) * (SLICE - 1)} acknowledged documents, all present")


def expect_all(index: QdrantIndex, round_: int, count: int) -> None:
    collection = a_collection()
    kept = [f"{round_}-{number}-{i}" for number in range(count) for i in range(1, SLICE)]
    gone = [f"{round_}-{number}-0" for number in range(count)]
    assert len(index.get(collection, kept)) == len(kept)
    assert index.get(collection, gone) == []
    assert min(index.score(collection, TITLE, "shoe", kept), default=1) > 0
    assert min(index.score(collection, OWN, [1, 1, 1, 0], kept), default=1) > 0


if __name__ == "__main__":
    write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
