"""The shape of a model, and how many numbers there are in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from ocinterp.errors import DataError

Architecture = Literal["llama", "mistral", "gemma", "starcoder2"]

ARCHITECTURES: Final = ("llama", "mistral", "gemma", "starcoder2")
_FIELDS: Final = {
    "num_hidden_layers": "layers",
    "hidden_size": "hidden",
    "intermediate_size": "intermediate",
    "num_attention_heads": "heads",
    "num_key_value_heads": "groups",
    "head_dim": "head",
    "vocab_size": "vocabulary",
    "tie_word_embeddings": "tied",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes as a model's `config.json` has them, under shorter names. `groups` are heads of keys and values."""

    architecture: Architecture
    layers: int
    hidden: int
    intermediate: int
    heads: int
    groups: int
    vocabulary: int
    tied: bool = False
    head: int = 0  # the width of a head; 0: what makes all of them as wide as the model
    positions: int = 4096

    @property
    def width(self) -> int:
        """Of a head."""
        return self.head or self.hidden // self.heads

    @property
    def embeddings(self) -> int:
        """The numbers of the table of tokens, and of the one that tokens are predicted by."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def layer(self) -> int:
        """The numbers of a layer."""
        hidden, queries, keys = self.hidden, self.heads * self.width, self.groups * self.width
        attention = 2 * hidden * queries + 2 * hidden * keys
        if self.architecture == "starcoder2":  # two matrices, a bias everywhere, and norms with one
            biases = queries + 2 * keys + hidden + self.intermediate + hidden
            return attention + 2 * hidden * self.intermediate + biases + 4 * hidden
        return attention + 3 * hidden * self.intermediate + 2 * hidden

    @property
    def parameters(self) -> int:
        """All numbers of the model."""
        last = 2 * self.hidden if self.architecture == "starcoder2" else self.hidden
        return self.embeddings + self.layers * self.layer + last

    def adapters(self, rank: int) -> int:
        """The numbers of adapters of low rank (LoRA) on all matrices of all layers."""
        hidden, queries, keys = self.hidden, self.heads * self.width, self.groups * self.width
        attention = 2 * (hidden + queries) + 2 * (hidden + keys)
        matrices = 2 if self.architecture == "starcoder2" else 3
        return self.layers * rank * (attention + matrices * (hidden + self.intermediate))


def of_config(config: Mapping[str, Any]) -> Shape | None:
    """The shape that a `config.json` describes; None where it is of an architecture that is not known here."""
    if config.get("model_type") not in ARCHITECTURES:
        return None
    found = {ours: config[theirs] for theirs, ours in _FIELDS.items() if config.get(theirs) is not None}
    found.setdefault("groups", found.get("heads", 0))
    found.setdefault("tied", config["model_type"] in {"gemma", "starcoder2"})  # what transformers takes for granted
    try:
        return Shape(cast("Architecture", config["model_type"]), **found)
    except TypeError as error:
        raise DataError(f"the model's config.json is incomplete: {error}") from error


def of_folder(folder: Path) -> Shape | None:
    """The shape of a model in a folder; None where there is none, or of an unknown architecture."""
    path = folder / "config.json"
    if not path.is_file():
        return None
    try:
        config: Any = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    return of_config(cast("dict[str, Any]", config)) if isinstance(config, dict) else None
