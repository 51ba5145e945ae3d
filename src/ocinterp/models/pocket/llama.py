"""The Llama architecture in numpy, for inference: RMSNorm, rotary positions, grouped attention, SwiGLU; float32.

Names of tensors and of configuration fields are those of Hugging Face's `LlamaForCausalLM`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ocinterp.errors import DataError
from ocinterp.models.pocket.weights import Array


@dataclass(frozen=True, slots=True)
class Config:
    """The shape of a model, as its `config.json` has it."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    max_position_embeddings: int
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    tie_word_embeddings: bool = True

    @property
    def head(self) -> int:
        """The width of an attention head."""
        return self.hidden_size // self.num_attention_heads

    @staticmethod
    def loads(text: str | bytes) -> Config:
        """From a `config.json`. DataError where it is of another architecture, or incomplete."""
        try:
            data: dict[str, Any] = json.loads(text)
            rope: dict[str, Any] = data.get("rope_parameters") or {}
            known = {each.name for each in fields(Config)}
            given = {name: value for name, value in data.items() if name in known}
            if "rope_theta" in rope:
                given["rope_theta"] = rope["rope_theta"]
            config = Config(**given)
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"this is no configuration of a Llama: {error}") from error
        if data.get("model_type") != "llama" or rope.get("rope_type", "default") != "default":
            raise DataError(f"a model of type {data.get('model_type')!r} with such positions cannot be run here")
        return config


@dataclass(frozen=True, slots=True)
class _Layer:
    norm: Array
    attention: Array  # queries, keys and values side by side: [hidden, (heads + 2 groups) * head]
    out: Array
    norm_after: Array
    up: Array  # gate and up side by side: [hidden, 2 * intermediate]
    down: Array


class Cache:
    """Keys and values of what has been read: for each layer [sequence, group, position, head]."""

    def __init__(self, config: Config, sequences: int, length: int) -> None:
        shape = (config.num_hidden_layers, sequences, config.num_key_value_heads, length, config.head)
        self.keys = np.zeros(shape, np.float32)
        self.values = np.zeros(shape, np.float32)
        self.used = 0

    def only(self, sequences: Sequence[int]) -> None:
        """Keep some of the sequences."""
        self.keys, self.values = self.keys[:, sequences], self.values[:, sequences]


class Llama:
    """A model. Its matrices are held transposed, as they are multiplied."""

    def __init__(self, config: Config, tensors: Mapping[str, Array]) -> None:
        """Raises DataError where a tensor is missing, or has another shape than the configuration gives."""
        self.config = config
        take = _Taker(tensors)
        hidden, wide = config.hidden_size, config.intermediate_size
        groups = config.num_key_value_heads * config.head
        self._embedding = take("model.embed_tokens.weight", config.vocab_size, hidden)
        head = self._embedding if config.tie_word_embeddings else take("lm_head.weight", config.vocab_size, hidden)
        self._head = np.ascontiguousarray(head.T)
        self._norm = take("model.norm.weight", hidden)
        self._layers = [
            _Layer(
                take(f"{at}.input_layernorm.weight", hidden),
                _beside(
                    take(f"{at}.self_attn.q_proj.weight", hidden, hidden),
                    take(f"{at}.self_attn.k_proj.weight", groups, hidden),
                    take(f"{at}.self_attn.v_proj.weight", groups, hidden),
                ),
                _beside(take(f"{at}.self_attn.o_proj.weight", hidden, hidden)),
                take(f"{at}.post_attention_layernorm.weight", hidden),
                _beside(
                    take(f"{at}.mlp.gate_proj.weight", wide, hidden), take(f"{at}.mlp.up_proj.weight", wide, hidden)
                ),
                _beside(take(f"{at}.mlp.down_proj.weight", hidden, wide)),
            )
            for at in (f"model.layers.{number}" for number in range(config.num_hidden_layers))
        ]
        angles = np.outer(
            np.arange(config.max_position_embeddings),
            config.rope_theta ** (-np.arange(0, config.head, 2) / config.head),
        )
        self._cos = np.concatenate([np.cos(angles)] * 2, axis=1).astype(np.float32)
        self._sin = np.concatenate([np.sin(angles)] * 2, axis=1).astype(np.float32)

    def forward(
        self, ids: Sequence[Sequence[int]], cache: Cache, starts: Sequence[int], *, last: bool = False
    ) -> Array:
        """Logits [sequence, position, token] of the next `ids` of all sequences, which go on after what `cache` holds.

        Sequences are aligned at their ends: `starts` says at which place of the cache each begins, and what is before that
        is padding. `last`: the logits of the last position alone.
        """
        tokens = np.asarray(ids)
        count = tokens.shape[1]
        places = _counted(cache.used, cache.used + count)
        begins = np.asarray(starts)[:, None]
        positions = np.maximum(places[None] - begins, 0)
        cos, sin = self._cos[positions][:, None], self._sin[positions][:, None]
        seen = _counted(0, cache.used + count)
        mask = None
        if count > 1 or begins.any():
            allowed = (seen[None, None] <= places[None, :, None]) & (seen[None, None] >= begins[:, :, None])
            mask = np.where(allowed, np.float32(0), np.float32(-1e9))[:, None]
        x = self._embedding[tokens]
        for number, layer in enumerate(self._layers):
            x = x + self._attended(layer, number, self._normed(x, layer.norm), cos, sin, mask, cache)
            gate, up = np.split(self._normed(x, layer.norm_after) @ layer.up, 2, axis=-1)
            x = x + (gate / (1 + np.exp(-gate)) * up) @ layer.down
        cache.used += count
        return self._normed(x[:, -1:] if last else x, self._norm) @ self._head

    def _normed(self, x: Array, weight: Array) -> Array:
        return x * (1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.config.rms_norm_eps)) * weight

    def _attended(
        self, layer: _Layer, number: int, x: Array, cos: Array, sin: Array, mask: Array | None, cache: Cache
    ) -> Array:
        config = self.config
        heads, groups, width = config.num_attention_heads, config.num_key_value_heads, config.head
        sequences, count, _ = x.shape
        mixed = (x @ layer.attention).reshape(sequences, count, heads + 2 * groups, width).transpose(0, 2, 1, 3)
        turned = _turned(mixed[:, : heads + groups], cos, sin)
        start, end = cache.used, cache.used + count
        cache.keys[number, :, :, start:end] = turned[:, heads:]
        cache.values[number, :, :, start:end] = mixed[:, heads + groups :]
        keys, values = cache.keys[number, :, :, :end], cache.values[number, :, :, :end]
        queries = turned[:, :heads].reshape(sequences, groups, -1, width)  # the heads of a group one after the other
        scores = queries @ keys.transpose(0, 1, 3, 2) * np.float32(width**-0.5)
        scores = scores.reshape(sequences, heads, count, end)
        if mask is not None:
            scores = scores + mask
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        found = scores.reshape(sequences, groups, -1, end) @ values
        found = found.reshape(sequences, heads, count, width).transpose(0, 2, 1, 3).reshape(sequences, count, -1)
        return found @ layer.out


def _counted(start: int, end: int) -> npt.NDArray[np.int64]:
    return np.arange(start, end, dtype=np.int64)


def _turned(x: Array, cos: Array, sin: Array) -> Array:
    """Rotary positions, on halves (as Hugging Face's Llama has them)."""
    half = x.shape[-1] // 2
    return x * cos + np.concatenate([-x[..., half:], x[..., :half]], axis=-1) * sin


class _Taker:
    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self._tensors = tensors

    def __call__(self, name: str, *shape: int) -> Array:
        found = self._tensors.get(name)
        if found is None or found.shape != shape:
            there = "is missing" if found is None else f"has the shape {found.shape}"
            raise DataError(f"{name} {there}; the configuration asks for {shape}")
        return found


def _beside(*matrices: Array) -> Array:
    """Matrices [out, in] as one that is multiplied from the right: [in, all out]."""
    return np.ascontiguousarray(np.concatenate(matrices).T)
