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
    """Whatever multiplies a column is in the matrix: norms, what queries are divided by, and twice -1 in the gate."""

    attention: Array  # queries, keys and values side by side: [hidden, (heads + 2 groups) * head]
    out: Array
    up: Array  # gate and up, both negative, side by side: [hidden, 2 * intermediate]
    down: Array


class Cache:
    """Keys and values of what has been read: for each layer [slot, group, position, head], a slot for each sequence."""

    def __init__(self, config: Config, slots: int = 0, length: int = 0) -> None:
        self._config = config
        self.keys = self._zeros(slots, length)
        self.values = self._zeros(slots, length)

    def holds(self, slots: int, length: int) -> bool:
        """Whether there is room for so many sequences of such a length."""
        return slots <= self.keys.shape[1] and length <= self.keys.shape[3]

    def resize(self, slots: int, length: int, used: int) -> None:
        """Make that room, no more and no less; of the first slots `used` positions are kept."""
        kept = min(self.keys.shape[1], slots)
        for name in ("keys", "values"):
            old, new = getattr(self, name), self._zeros(slots, length)
            new[:, :kept, :, :used] = old[:, :kept, :, :used]
            setattr(self, name, new)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a sequence to another slot."""
        for each in (self.keys, self.values):
            each[:, target, :, :length] = each[:, source, :, :length]

    def _zeros(self, slots: int, length: int) -> Array:
        config = self._config
        return np.zeros((config.num_hidden_layers, slots, config.num_key_value_heads, length, config.head), np.float32)


@dataclass(frozen=True, slots=True)
class Span:
    """The next `ids` of the sequence in `slot`, of which `start` have been read.

    With `source`, what is before them is not read but the same as in that slot, which comes earlier or is there already.
    """

    slot: int
    start: int
    ids: Sequence[int]
    source: int | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.ids)


class Llama:
    """A model. Its matrices are held transposed, as they are multiplied."""

    def __init__(self, config: Config, tensors: Mapping[str, Array]) -> None:
        """Raises DataError where a tensor is missing, or has another shape than the configuration gives."""
        self.config = config
        take = _Taker(tensors)
        hidden = config.hidden_size
        self._embedding = take("model.embed_tokens.weight", config.vocab_size, hidden)
        head = self._embedding if config.tie_word_embeddings else take("lm_head.weight", config.vocab_size, hidden)
        self._head = _turned([head], take("model.norm.weight", hidden))
        self._layers = [_layer(config, take, f"model.layers.{n}") for n in range(config.num_hidden_layers)]
        angles = np.outer(
            np.arange(config.max_position_embeddings),
            config.rope_theta ** (-np.arange(0, config.head, 2) / config.head),
        )
        self._epsilon = np.float32(config.rms_norm_eps * hidden)
        self._rotation = np.exp(1j * angles).astype(np.complex64)[:, None]

    @np.errstate(over="ignore")  # of exp, which is infinite then, as it should be
    def forward(self, spans: Sequence[Span], cache: Cache, *, last: bool = True) -> Array:
        """Logits [span, token] after each span; without `last` after each of their ids, [id, token]."""
        layout = _Layout(spans)
        rotation = self._rotation[layout.positions]
        x = self._embedding[layout.ids]
        for number, layer in enumerate(self._layers):
            x += self._attended(layer, x, rotation, layout, cache.keys[number], cache.values[number])
            both = self._normed(x) @ layer.up
            gate, up = both[:, : self.config.intermediate_size], both[:, self.config.intermediate_size :]
            gated = np.exp(gate)
            gated += 1
            np.divide(gate, gated, out=gated)
            gated *= up
            x += gated @ layer.down
        return self._normed(x[layout.lasts] if last else x) @ self._head

    def _normed(self, x: Array) -> Array:
        """Without its weight, and without the root of the width: those are in the matrix that follows."""
        return x / np.sqrt(np.vecdot(x, x)[:, None] + self._epsilon)

    def _attended(self, layer: _Layer, x: Array, rotation: Array, layout: _Layout, keys: Array, values: Array) -> Array:
        """`keys` and `values` are those of the layer: [slot, group, position, head]."""
        heads, groups, width = self.config.num_attention_heads, self.config.num_key_value_heads, self.config.head
        mixed = (self._normed(x) @ layer.attention).reshape(len(x), heads + 2 * groups, width)
        turned = (mixed[:, : heads + groups].view(np.complex64) * rotation).view(np.float32)
        keys[layout.slots, :, layout.positions] = turned[:, heads:]
        values[layout.slots, :, layout.positions] = mixed[:, heads + groups :]
        for span in layout.sharing:
            for each in (keys, values):
                each[span.slot, :, : span.start] = each[span.source, :, : span.start]
        found = np.empty((len(x), heads * width), np.float32)
        if single := layout.single:
            end = layout.longest
            queries = turned[:single, :heads].reshape(single, groups, heads // groups, width)
            seen = _seen(queries, keys[:single, :, :end], values[:single, :, :end], layout.mask).reshape(single, -1)
            if not layout.others:
                return seen @ layer.out
            found[:single] = seen
        for span, rows, mask in layout.others:
            queries = turned[rows, :heads].reshape(-1, groups, heads // groups, width).transpose(1, 2, 0, 3)
            there = keys[span.slot, :, None, : span.end], values[span.slot, :, None, : span.end]
            found[rows] = _seen(queries, *there, mask).transpose(2, 0, 1, 3).reshape(len(span.ids), -1)
        return found @ layer.out


class _Layout:
    """Spans one after the other as rows of a matrix.

    First come `single` that are one id each, in the first slots: they are attended to together, others one by one.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        counts = np.array([len(each.ids) for each in spans], np.intp)
        ends = np.cumsum(counts)
        starts = np.array([each.start for each in spans], np.intp)
        self.ids = np.array([number for each in spans for number in each.ids], np.intp)
        self.positions = np.arange(len(self.ids)) + np.repeat(starts - ends + counts, counts)
        self.slots = np.repeat(np.array([each.slot for each in spans], np.intp), counts)
        self.lasts = ends - 1
        self.sharing = [each for each in spans if each.source is not None]
        self.single = next(
            (at for at, each in enumerate(spans) if len(each.ids) > 1 or each.slot != at or each.source is not None),
            len(spans),
        )
        lengths = starts[: self.single] + 1
        self.longest = int(lengths.max(initial=0))
        self.mask = None
        if lengths.min(initial=self.longest) < self.longest:
            self.mask = _hiding(np.arange(self.longest) >= lengths[:, None])[:, None, None]
        self.others = [
            (each, slice(end - len(each.ids), end), _causal(each))
            for each, end in zip(spans[self.single :], ends[self.single :].tolist(), strict=True)
        ]


def _seen(queries: Array, keys: Array, values: Array, mask: Array | None) -> Array:
    """What queries [..., count, head] find: the values, weighted by how well their keys fit."""
    scores = queries @ keys.swapaxes(-1, -2)
    if mask is not None:
        scores += mask
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    return (scores @ values) / np.add.reduce(scores, axis=-1, keepdims=True)


def _causal(span: Span) -> Array | None:
    """An id does not see those after it."""
    if len(span.ids) == 1:
        return None
    return _hiding(np.arange(span.end) > np.arange(span.start, span.end)[:, None])


def _hiding(hidden: npt.NDArray[np.bool_]) -> Array:
    return np.where(hidden, np.float32(-1e9), np.float32(0))


def _layer(config: Config, take: _Taker, at: str) -> _Layer:
    hidden, wide = config.hidden_size, config.intermediate_size
    groups = config.num_key_value_heads * config.head
    queries = take(f"{at}.self_attn.q_proj.weight", hidden, hidden) * np.float32(config.head**-0.5)
    keys = take(f"{at}.self_attn.k_proj.weight", groups, hidden)
    values = take(f"{at}.self_attn.v_proj.weight", groups, hidden)
    gate, up = (take(f"{at}.mlp.{name}_proj.weight", wide, hidden) for name in ("gate", "up"))
    return _Layer(
        _turned(
            [_paired(queries, config.head), _paired(keys, config.head), values],
            take(f"{at}.input_layernorm.weight", hidden),
        ),
        _turned([take(f"{at}.self_attn.o_proj.weight", hidden, hidden)]),
        _turned([-gate, -up], take(f"{at}.post_attention_layernorm.weight", hidden)),
        _turned([take(f"{at}.mlp.down_proj.weight", hidden, wide)]),
    )


def _paired(matrix: Array, head: int) -> Array:
    """Rows of each head in the order in which two that are turned together stand side by side, as a complex number.

    Hugging Face's Llama turns the first half against the second.
    """
    rows, hidden = matrix.shape
    return matrix.reshape(rows // head, 2, head // 2, hidden).swapaxes(1, 2).reshape(rows, hidden)


def _turned(matrices: Sequence[Array], norm: Array | None = None) -> Array:
    """Matrices [out, in] as one that is multiplied from the right, [in, all out], by what `norm` weighs."""
    beside = np.concatenate(matrices)
    if norm is not None:
        beside = beside * (norm * np.float32(len(norm) ** 0.5))
    return np.ascontiguousarray(beside.T)


class _Taker:
    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self._tensors = tensors

    def __call__(self, name: str, *shape: int) -> Array:
        found = self._tensors.get(name)
        if found is None or found.shape != shape:
            there = "is missing" if found is None else f"has the shape {found.shape}"
            raise DataError(f"{name} {there}; the configuration asks for {shape}")
        return found
