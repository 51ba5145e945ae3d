"""A trained model's folder as the small one that is shipped, and back as one that any program reads."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import numpy as np

from ocinterp import files
from ocinterp.errors import DataError, UsageError
from ocinterp.models.pocket import card, weights
from ocinterp.models.pocket.llama import Config, Llama

Kind = Literal["int8", "float32"]

# What a folder may have besides, and keeps: transformers' settings, and what is told of the model.
OTHERS: Final = ("tokenizer_config.json", "chat_template.jinja", "generation_config.json", "README.md", "metrics.jsonl")


def pack(source: Path, target: Path, kind: Kind) -> int:
    """Write the model in `source` into `target`, and say how many bytes its weights are.

    `int8`: each matrix in bytes with a scale for each row, a quarter of the size, for this program. `float32`: as
    transformers and others read it. UsageError for no folder of a model, or one that is not the target's alone; DataError
    for weights that are not a Llama's.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not empty: choose another folder")
    tensors, metadata = weights.loads(card.content_of(source, card.WEIGHTS))
    try:
        Llama(Config.loads(card.content_of(source, card.CONFIG)), tensors)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    content = weights.dumps(_small(tensors) if kind == "int8" else tensors, {"format": "pt", **metadata})
    with files.explained(target):
        target.mkdir(parents=True, exist_ok=True)
        for name in (card.CONFIG, card.TOKENIZER, *OTHERS):
            if (source / name).is_file():
                (target / name).write_bytes((source / name).read_bytes())
        (target / card.WEIGHTS).write_bytes(content)
    return len(content)


def _small(tensors: dict[str, weights.Array]) -> dict[str, weights.Array]:
    found: dict[str, weights.Array] = {}
    for name, each in tensors.items():
        if each.ndim == 2:
            found[name], found[f"{name}{weights.SCALE}"] = weights.quantized(each)
        else:
            found[name] = each.astype(np.float32)
    return found
