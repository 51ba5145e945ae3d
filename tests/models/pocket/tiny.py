"""A model of a few thousand numbers and a tokenizer of a few merges, both made here."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from ocinterp.models.pocket.llama import Config, Llama
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
    special = [{"content": role, "id": len(tokens) + number, "special": True} for number, role in enumerate(ROLES)]
    return json.dumps(
        {
            "pre_tokenizer": {
                "pretokenizers": [{"type": "Split", "pattern": {"Regex": PATTERN}}, {"type": "ByteLevel"}]
            },
            "added_tokens": special,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": [list(each) for each in merges]},
        }
    )


def tokenizer() -> Tokenizer:
    return Tokenizer.loads(
        tokenizer_json((("e", "t"), ("r", "et"), ("ret", "u"), ("r", "e"), ("Ġ", "i"), ("Ġi", "n"), ("e", "r")))
    )
