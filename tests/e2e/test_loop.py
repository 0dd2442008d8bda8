"""The learning loop in short, over HTTP, with simulated shoppers on real documents.

`bench/loop.py` is the long form with seeds and intervals; this runs it as a user would.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from tests.shared import ROOT, shared_data

SEARCHES = 800


def test_the_ranking_is_static_before_data_and_better_after_use(tmp_path: Path):
    shared_data("esci/products.jsonl.gz")
    found = tmp_path / "loop.json"
    command = [
        sys.executable, str(ROOT / "bench" / "loop.py"), "--seeds", "1", "--searches",
        str(SEARCHES), "--algorithms", "logistic", "--conditions", "base", "--json", str(found),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = msgspec.json.decode(found.read_bytes())
    assert report["static_before_data"] == report["queries"] == 68
    outcome = report["outcomes"][0]
    assert outcome["clicks"] > SEARCHES / 2
    assert outcome["gap_pct"] > 40
