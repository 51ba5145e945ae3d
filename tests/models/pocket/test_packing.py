"""A model is made small and large again without becoming another one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.pocket.tiny import write
from ocinterp.errors import DataError, UsageError
from ocinterp.models.pocket import weights
from ocinterp.models.pocket.model import Pocket
from ocinterp.models.pocket.packing import pack


def test_a_packed_model_is_a_quarter_as_large_and_nearly_the_same(tmp_path: Path) -> None:
    large = write(tmp_path / "large", small=False)
    size = pack(large, tmp_path / "small", "int8")
    assert size == (tmp_path / "small" / "model.safetensors").stat().st_size
    assert size < (large / "model.safetensors").stat().st_size / 2  # a tiny one is mostly header
    before, _ = weights.loads((large / "model.safetensors").read_bytes())
    after, _ = weights.loads((tmp_path / "small" / "model.safetensors").read_bytes())
    assert before.keys() == after.keys()
    for name, matrix in before.items():
        step = np.abs(matrix).max(axis=-1, keepdims=True) / 127
        assert (np.abs(matrix - after[name]) <= step * 0.51).all()


def test_what_is_unpacked_gives_what_the_packed_one_gives(tmp_path: Path) -> None:
    small = write(tmp_path / "small")
    pack(small, tmp_path / "large", "float32")
    raw = (tmp_path / "large" / "model.safetensors").read_bytes()
    assert b".scale" not in raw
    assert b'"I8"' not in raw
    one, two = Pocket.load(small), Pocket.load(tmp_path / "large")
    for (name, matrix), other in zip(
        sorted(weights.loads((small / "model.safetensors").read_bytes())[0].items()),
        (each for _, each in sorted(weights.loads(raw)[0].items())),
        strict=True,
    ):
        assert (matrix == other).all(), name
    assert one.llama.config == two.llama.config
    assert (tmp_path / "large" / "tokenizer_config.json").read_bytes() == (small / "tokenizer_config.json").read_bytes()


def test_nothing_is_written_over_and_nothing_else_is_packed(tmp_path: Path) -> None:
    small = write(tmp_path / "small")
    with pytest.raises(UsageError, match="not empty"):
        pack(small, small, "int8")
    with pytest.raises(UsageError, match="holds no pocket model"):
        pack(tmp_path / "nowhere", tmp_path / "new", "int8")
    (small / "config.json").write_text("{}")
    with pytest.raises(DataError, match="small: "):
        pack(small, tmp_path / "new", "int8")
    assert not (tmp_path / "new").exists()
