"""Each import contract of pyproject.toml stops the mistake it was written for.

One violation is planted in a copy of the tree; exactly the contract that forbids it must break.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.source import ROOT

CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
}
MISTAKES = {
    "an outer room": ("rooms", {"jobs/planted.py": "import desireline.http\n"}),
    "a drawer for everything": ("rooms", {"helpers.py": ""}),
    "a clock in the core": ("pure-core", {"core/planted.py": "import time\n"}),
    "an engine in the nouns": ("pure-core", {"types/planted.py": "import chdb\n"}),
    "a store named outside wiring": (
        "store-behind-wiring",
        {"http/planted.py": "import desireline.store\n"},
    ),
    "an index named outside wiring": (
        "index-behind-wiring",
        {"jobs/planted.py": "import desireline.index\n"},
    ),
    "an encoder named outside wiring": (
        "ml-behind-wiring",
        {"cli/planted.py": "import desireline.ml\n"},
    ),
    "a step that calls a step": (
        "steps-independent",
        {"steps/planted.py": "from desireline.steps import other\n", "steps/other.py": ""},
    ),
    "a client that knows the core": (
        "client-is-light",
        {"client/planted.py": "import desireline.core\n"},
    ),
    "a client that carries a server": (
        "client-is-light",
        {"client/planted.py": "import litestar\n"},
    ),
    "a client that a door leans on": ("rooms", {"http/planted.py": "import desireline.client\n"}),
    "simulated users that know the inside": (
        "simulation-is-a-caller",
        {"simulation/planted.py": "import desireline.steps\n"},
    ),
    "two siblings in a circle": (
        "no-cycles",
        {
            "core/planted.py": "from desireline.core import round_trip\n",
            "core/round_trip.py": "from desireline.core import planted\n",
        },
    ),
}


def broken(tree: Path) -> set[str]:
    """The ids of the contracts that do not hold in a copy of the tree."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    said = " ".join(done.stdout.split())
    assert "broken." in said, done.stdout + done.stderr
    held = {key for key, name in CONTRACTS.items() if f"{name} KEPT" in said}
    return set(CONTRACTS) - held


def copy_to(target: Path) -> Path:
    """Source and contracts, nothing else."""
    shutil.copytree(ROOT / "src", target / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


@pytest.fixture(scope="module")
def already_broken(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return broken(copy_to(tmp_path_factory.mktemp("unmodified")))


def test_every_contract_holds(already_broken: set[str]):
    assert already_broken == set()


def test_every_contract_has_a_violation_to_stop():
    assert {contract for contract, _ in MISTAKES.values()} == set(CONTRACTS)
    assert len(CONTRACTS) == 9


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_violation_breaks_its_contract(
    mistake: str, already_broken: set[str], tmp_path: Path
):
    contract, files = MISTAKES[mistake]
    package = copy_to(tmp_path) / "src" / "desireline"
    for name, text in files.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    assert broken(tmp_path) - already_broken == {contract} - already_broken
