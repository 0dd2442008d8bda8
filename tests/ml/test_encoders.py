"""The static encoder: what it promises, and what it says when it is not installed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from desireline.errors import Invalid
from desireline.ml.encoders import available, encoder_for, load_static, package_folder

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("wordllama") is None, reason="needs pip install desireline[static]"
)


@needs_weights
def test_rows_are_unit_vectors_and_the_same_alone_or_together() -> None:
    encoder = encoder_for("static")
    texts = ["red running shoes", "", "a", "日本語 emoji 🙂", "x" * 5000]
    rows = encoder.encode(texts)
    assert rows.shape == (5, encoder.dimension) == (5, 256)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0, 1, 1, 1], abs=1e-6)
    for text, row in zip(texts, rows, strict=True):
        assert np.array_equal(encoder.encode([text])[0], row)
        assert np.array_equal(encoder.encode([text])[0], row)  # from memory
    assert encoder.encode([]).shape == (0, 256)


@needs_weights
def test_near_texts_are_near() -> None:
    rows = encoder_for("static").encode(
        ["a comfortable shoe for running", "jogging sneakers", "the history of medieval France"]
    )
    near, far = rows[0] @ rows[1], rows[0] @ rows[2]
    assert near > far + 0.2


@needs_weights
def test_remembered_rows_can_not_be_changed() -> None:
    row = encoder_for("static").encode(["remembered"])
    with pytest.raises(ValueError, match="read-only"):
        row[0, 0] = 1


@needs_weights
def test_neither_torch_nor_the_package_is_imported() -> None:
    code = (
        "import sys; from desireline.ml.encoders import encoder_for; "
        "encoder_for('static').encode(['x']); "
        "assert not {'torch', 'wordllama', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="'colbert'") as refused:
        encoder_for("colbert")
    assert "static" in refused.value.hint
    assert not available("colbert")


@needs_weights
def test_missing_weights_name_the_extra(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        load_static(tmp_path)
    assert refused.value.hint == "pip install desireline[static]"
    for part in ("weights", "tokenizers"):
        shutil.copytree(package_folder() / part, tmp_path / part)
    assert load_static(tmp_path).dimension == 256


def test_a_package_that_is_not_installed_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['wordllama'] = None\n"
        "from desireline.errors import Invalid\n"
        "from desireline.ml.encoders import encoder_for\n"
        "try: encoder_for('static')\n"
        "except Invalid as error: print(error.hint)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "pip install desireline[static]"
