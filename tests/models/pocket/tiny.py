"""A model of a few thousand numbers and a tokenizer of a few merges, both made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from ocinterp.models.pocket import weights
from ocinterp.models.pocket.llama import Config, Llama
from ocinterp.models.pocket.roles import tokenizer_config
from ocinterp.models.pocket.tokenizer import PATTERN, Tokenizer, _byte_characters  # pyright: ignore[reportPrivateUsage]

CONFIG: Final[dict[str, Any]] = {
    "model_type": "llama",
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}
ROLES: Final = ("<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")


def tensors(seed: int = 0) -> dict[str, Any]:
    """Random weights under the names that a Llama has."""
    chance = np.random.default_rng(seed)
    hidden, wide, groups = 32, 48, 16
    shapes = {
        "model.embed_tokens.weight": (320, hidden),
        "lm_head.weight": (320, hidden),
        "model.norm.weight": (hidden,),
    }
    for at in (f"model.layers.{number}" for number in range(2)):
        shapes |= {
            f"{at}.input_layernorm.weight": (hidden,),
            f"{at}.post_attention_layernorm.weight": (hidden,),
            f"{at}.self_attn.q_proj.weight": (hidden, hidden),
            f"{at}.self_attn.k_proj.weight": (groups, hidden),
            f"{at}.self_attn.v_proj.weight": (groups, hidden),
            f"{at}.self_attn.o_proj.weight": (hidden, hidden),
            f"{at}.mlp.gate_proj.weight": (wide, hidden),
            f"{at}.mlp.up_proj.weight": (wide, hidden),
            f"{at}.mlp.down_proj.weight": (hidden, wide),
        }
    return {
        name: (chance.standard_normal(shape) * 0.3 + (len(shape) == 1)).astype(np.float32)
        for name, shape in shapes.items()
    }


def model() -> Llama:
    return Llama(Config.loads(json.dumps(CONFIG)), tensors())


def tokenizer_json(merges: tuple[tuple[str, str], ...] = ()) -> str:
    """Bytes, what the merges make of them, and the roles."""
    tokens = [*_byte_characters().values(), *dict.fromkeys(one + two for one, two in merges)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    as_they_are = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = [{"id": len(tokens) + number, "content": role, **as_they_are} for number, role in enumerate(ROLES)]
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": special,
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]},
            "post_processor": None,
            "decoder": level,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": [list(each) for each in merges], "dropout": None},
        }
    )


MERGES: Final = (("e", "t"), ("r", "et"), ("ret", "u"), ("r", "e"), ("Ġ", "i"), ("Ġi", "n"), ("e", "r"))


def tokenizer() -> Tokenizer:
    return Tokenizer.loads(tokenizer_json(MERGES))


def write(folder: Path, *, small: bool = True, positions: int = 64) -> Path:
    """A folder with a model in it; `small`: its matrices as bytes with a scale for each row."""
    config = {**CONFIG, "architectures": ["LlamaForCausalLM"], "max_position_embeddings": positions}
    folder.mkdir(parents=True, exist_ok=True)
    made = tensors()
    if small:
        for name in [name for name, each in made.items() if each.ndim == 2]:
            made[name], made[f"{name}.scale"] = weights.quantized(made[name])
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(weights.dumps(made, {"format": "pt"}))
    (folder / "tokenizer.json").write_text(tokenizer_json(MERGES))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config(positions)))
    return folder
