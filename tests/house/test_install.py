"""What an installation has: without npm all but the page, in a wheel the page as it was built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.source import ROOT

BUILT = ROOT / "src" / "desireline" / "http" / "dashboard"


def test_without_npm_the_page_is_left_out_with_a_word_and_nothing_fails(tmp_path: Path):
    make, folder = shutil.which("make"), tmp_path / "bin"
    if make is None:
        pytest.skip("no make here")
    folder.mkdir()
    for name in ("sh", "find"):
        (folder / name).symlink_to(str(shutil.which(name)))
    page = str(tmp_path / "index.html")
    done = subprocess.run(
        [make, "--no-print-directory", f"PAGE={page}", page], cwd=ROOT, capture_output=True,
        text=True, check=False, env={"PATH": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("npm is not here, so the page is not built")
    assert "all else works" in done.stdout
    assert not Path(page).exists()


@pytest.mark.timeout(180)
def test_a_wheel_carries_the_page_as_it_was_built(tmp_path: Path):
    if not (BUILT / "index.html").is_file():
        pytest.skip("the dashboard is not built: `make web` builds it where npm is found")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-cache-dir"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(ROOT)], capture_output=True, text=True,
        check=False, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("no package registry to take the build tool from")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("desireline-*.whl")
    carried = {name.removeprefix("desireline/http/") for name in zipfile.ZipFile(wheel).namelist()}
    wanted = {str(path.relative_to(BUILT.parent)) for path in BUILT.rglob("*") if path.is_file()}
    assert wanted <= carried
    assert {"static/start.html", "static/docs.js"} <= carried
    assert not [name for name in carried if "node_modules" in name]
