"""Any causal language model of Hugging Face's transformers, in this process, with many answers at once.

The cache is one rectangle a layer: sequences are its rows, the first ones, and they end at the same column, so that a step
writes one column and what is read is a view. Who joins is written to the left of that column, and who leaves has its row
taken by the last. Models whose layers keep something else than keys and values are left to other servers.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from jinja2 import TemplateError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from ocinterp.errors import ModelError, UsageError
from ocinterp.models.batched import Batched
from ocinterp.models.engine import Limits, Sampling, Strand, Token
from ocinterp.models.pocket import weights
from ocinterp.types import Message

_AT_ONCE: Final = 8192  # ids that are read in one pass, padding included, unless one sequence has more
_SPARE: Final = 64  # columns that a cache grows by, and a quarter of what it has
_CACHES: Final = 0.4  # of the memory that is free is for caches: they grow by copying, and reading takes some too
_UNBOUNDED: Final = 1 << 20


@dataclass
class _Frame:
    """Which part of the caches is in use: so many rows, and the columns from `start` to `end`."""

    rows: int = 0
    start: int = 0
    end: int = 0

    @property
    def width(self) -> int:
        return self.end - self.start


class _Rows(DynamicLayer):
    """A layer's part of the cache: [row, head, column, width] of which the frame says what is in use."""

    def __init__(self, frame: _Frame) -> None:
        super().__init__()
        self.frame = frame
        self.held: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, ...]:
        """One column more, which the frame does not count until all layers have theirs."""
        frame = self.frame
        for each, new in zip(self.held, (key_states, value_states), strict=True):
            each[: frame.rows, :, frame.end] = new[:, :, 0]
        return tuple(each[: frame.rows, :, frame.start : frame.end + 1] for each in self.held)

    def get_seq_length(self) -> int:
        return self.frame.width

    def reserve(self, rows: int, columns: int, end: int) -> None:
        """Make room; what is there ends at column `end` then."""
        frame = self.frame
        for number, old in enumerate(self.held):
            new = old.new_zeros(rows, old.shape[1], columns, old.shape[3])
            new[: frame.rows, :, end - frame.width : end] = old[: frame.rows, :, frame.start : frame.end]
            self.held[number] = new


class TransformersEngine:
    """Sequences in the rows of a cache; see `models.engine`. Strands join by being read together, and then go on together."""

    def __init__(self, model: Any) -> None:
        """`model`: a causal language model in evaluation mode, on its device."""
        self.model = model
        known = inspect.signature(model.forward).parameters
        self._last_only: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self._cache_name = "cache" if "cache" in known else "past_key_values"  # its older name
        self._joining: list[Strand] = []
        self._strands: list[Strand] = []  # by row
        self._starts: list[int] = []  # the column of each one's first id
        self._frame = _Frame()
        self._layers: list[_Rows] = []
        self._cache: Any = None

    @property
    def positions(self) -> int:
        config = self.model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or _UNBOUNDED)

    def join(self, strand: Strand, /) -> None:
        self._joining.append(strand)

    @torch.inference_mode()
    def leave(self, strand: Strand, /) -> None:
        if strand in self._joining:
            self._joining.remove(strand)
        if strand not in self._strands:  # nor where a step failed that was to read it
            return
        row = self._strands.index(strand)
        last, start, frame = self._strands.pop(), self._starts.pop(), self._frame
        frame.rows -= 1
        if last is not strand:
            self._strands[row], self._starts[row] = last, start
            for each in (held for layer in self._layers for held in layer.held):
                each[row, :, start : frame.end] = each[frame.rows, :, start : frame.end]
        frame.start = min(self._starts, default=frame.end)

    @torch.inference_mode()
    def step(self) -> Sequence[Token]:
        found = self._carried_on() if self._strands else []
        joining, self._joining = self._joining, []
        for group in _groups(joining):
            found += self._read(group)
        return found

    def _carried_on(self) -> list[Token]:
        frame = self._frame
        if frame.end >= self._layers[0].held[0].shape[2]:
            self._reserve(frame.rows, 0)
        starts = self._tensor(self._starts)
        columns = torch.arange(frame.start, frame.end + 1, device=starts.device)
        logits = self._logits(
            self._tensor([[each.ids[-1]] for each in self._strands]),
            (columns >= starts[:, None]).long(),
            (frame.end - starts)[:, None],
            self._cache,
        )
        frame.end += 1
        return _chosen(logits, self._strands)

    def _read(self, strands: Sequence[Strand]) -> list[Token]:
        """The first tokens of those who join. What several ask alike is read once."""
        prompts = list(dict.fromkeys(tuple(each.ids) for each in strands))
        longest = max(map(len, prompts))
        ids = self._tensor([[0] * (longest - len(each)) + list(each) for each in prompts])
        mask = self._tensor([[0] * (longest - len(each)) + [1] * len(each) for each in prompts])
        cache = DynamicCache()
        logits = self._logits(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache)
        rows = [prompts.index(tuple(each.ids)) for each in strands]
        self._take_in(strands, cache, rows, longest)
        return _chosen(logits[rows], strands)

    def _take_in(self, strands: Sequence[Strand], cache: Any, rows: Sequence[int], longest: int) -> None:
        """Copy the rows of a cache of its own to the rows behind those that are there."""
        if not self._layers:
            self._begin(cache)
        frame = self._frame
        before, after = frame.rows, frame.rows + len(strands)
        if after > self._layers[0].held[0].shape[0] or frame.end < longest:
            self._reserve(after, longest)
        frame.rows = after
        self._strands += strands
        self._starts += [frame.end - len(each.ids) for each in strands]
        frame.start = min(self._starts)
        index = self._tensor(rows)
        for layer, read in zip(self._layers, cache.layers, strict=True):
            for held, new in zip(layer.held, (read.keys, read.values), strict=True):
                held[before:after, :, frame.end - longest : frame.end] = new[index]

    def _begin(self, cache: Any) -> None:
        """Rows of the kind that the model's own cache has. ModelError where it keeps something else."""
        for each in cache.layers:
            if not isinstance(each, DynamicLayer) or not each.is_initialized:
                raise ModelError(
                    f"{type(self.model).__name__} keeps more than keys and values: serve it by vLLM or SGLang"
                )
            layer = _Rows(self._frame)
            layer.held = [held.new_zeros(0, held.shape[1], 0, held.shape[3]) for held in (each.keys, each.values)]
            layer.is_initialized = True
            self._layers.append(layer)
        self._cache = Cache(layers=list(self._layers))

    def _reserve(self, rows: int, longest: int) -> None:
        """Room for so many rows of such a length, and for what they will say; all of them end at the same column."""
        frame = self._frame
        end = max(frame.width, longest)
        for layer in self._layers:
            layer.reserve(rows + rows // 4, end + end // 4 + _SPARE, end)
        shift = end - frame.end
        self._starts = [each + shift for each in self._starts]
        frame.start, frame.end = frame.start + shift, end

    def _tensor(self, numbers: Sequence[Any]) -> Any:
        return torch.tensor(numbers, device=self.model.device)

    def _logits(self, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
        """[row, token] after the last id of each row."""
        kept = {self._cache_name: cache, "use_cache": True, **self._last_only}
        found = self.model(input_ids=ids, attention_mask=mask, position_ids=positions, **kept)
        return found.logits[:, -1].float()


def _groups(strands: Sequence[Strand]) -> list[list[Strand]]:
    """Strands of like lengths, to be read together."""
    groups: list[list[Strand]] = []
    for each in sorted(strands, key=lambda strand: len(strand.ids)):
        if groups and (len(groups[-1]) + 1) * len(each.ids) <= _AT_ONCE:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _chosen(logits: Any, strands: Sequence[Strand]) -> list[Token]:
    """A token for each row of `logits`, as `pocket.sampling.chosen` has it."""
    warm = [row for row, each in enumerate(strands) if each.sampling.temperature]
    if warm:
        heat = [[each.sampling.temperature or 1.0] for each in strands]
        logits = logits / torch.tensor(heat, device=logits.device)
    logs = torch.log_softmax(logits, dim=-1)
    numbers = logs.argmax(-1)
    if warm:
        precise = torch.float32 if logits.device.type == "mps" else torch.float64
        draws = torch.tensor([[strands[row].draw()] for row in warm], dtype=precise, device=logits.device)
        sums = logs[warm].to(precise).exp().cumsum(-1)
        numbers[warm] = (sums < draws * sums[:, -1:]).sum(-1)
    logprobs = logs.gather(-1, numbers[:, None])[:, 0]
    return [
        Token(strand, number, min(logprob, 0.0))
        for strand, number, logprob in zip(strands, numbers.tolist(), logprobs.tolist(), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Speech:
    """The form of a model's dialogues, by the chat template of its tokenizer, for `Batched`."""

    tokenizer: Any
    ends: frozenset[int]

    def prompt(self, messages: Sequence[Message], /) -> list[int]:
        said = [{"role": each.role, "content": each.content} for each in messages]
        try:
            text = self.tokenizer.apply_chat_template(
                said, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except TemplateError as error:
            raise ModelError(f"the model's chat template cannot write this dialogue: {error}") from error
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def stream(self) -> Pieces:
        return Pieces(lambda ids: self.tokenizer.decode(ids, skip_special_tokens=True))


class Pieces:
    """The text of ids that come one by one, of a tokenizer that tells only what several of them mean together.

    The ids before are decoded with the new ones, since a tokenizer may write a word's beginning otherwise than its middle; and
    what ends in a replacement character is waited for.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._told = 0  # of these ids, how many have been told

    def add(self, number: int, /) -> str:
        self._ids.append(number)
        found = self._news()
        if not found or found.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._ids, self._told = self._ids[self._told :], len(self._ids) - self._told
        return found

    def end(self) -> str:
        return self._news()

    def _news(self) -> str:
        return self._decode(self._ids)[len(self._decode(self._ids[: self._told])) :]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is loaded, and its tokenizer's form."""

    name: str
    model: Any
    speech: Speech

    def sampling(self, max_tokens: int) -> Sampling:
        """As its makers would have it."""
        usual = self.model.generation_config
        warm = usual.temperature if usual.temperature is not None else 1.0
        return Sampling(float(warm) if usual.do_sample else 0.0, max_tokens)

    def batched(self, sampling: Sampling = Sampling(), limits: Limits = Limits()) -> Batched:
        """The model, ready to be asked; a context manager. Its caches take no more than a part of the memory that is free."""
        positions = min(
            limits.positions, max(1, int(_CACHES * _free_bytes(self.model) / _bytes_of_position(self.model)))
        )
        limits = replace(limits, positions=positions)
        return Batched(TransformersEngine(self.model), self.speech, sampling, name=self.name, limits=limits)


def load(place: str, name: str = "") -> Loaded:
    """A model and its tokenizer, from a folder or from the hub (or what is kept of it here), in the precision that its file has.

    UsageError for what transformers cannot load, and for a model that cannot be talked to; DataError for a damaged file.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(place)
        speech_of = _checked(tokenizer, place)
        model = _loaded(place)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"transformers cannot load {place}: {reason}") from error
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if others := sorted(each for each in kinds if not each.endswith("attention") or each == "linear_attention"):
        raise UsageError(
            f"{place} has layers of kind {', '.join(others)}: serve it by vLLM or SGLang (--model NAME@URL)"
        )
    model = model.to(_device()).eval()
    version = str(getattr(model.config, "_commit_hash", None) or "")[:8]
    return Loaded(f"{name or place}@{version}" if version else name or place, model, speech_of(model))


def _loaded(place: str) -> Any:
    """A model with its weights. Those of a pocket model may be bytes with scales, which transformers would take as they are."""
    path = Path(place) / "model.safetensors"
    if not (path.is_file() and any(name.endswith(weights.SCALE) for name in weights.names(path))):
        return AutoModelForCausalLM.from_pretrained(place, dtype="auto")
    model: Any = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(place))
    tensors, _ = weights.loads(path.read_bytes())
    missing = model.load_state_dict({name: torch.from_numpy(each) for name, each in tensors.items()}, strict=False)[0]
    model.tie_weights()
    if lost := set(missing) - set(model.all_tied_weights_keys):
        raise UsageError(f"the weights of {place} lack {', '.join(sorted(lost))}")
    return model


def _checked(tokenizer: Any, place: str) -> Callable[[Any], Speech]:
    if not tokenizer.chat_template:
        raise UsageError(
            f"the tokenizer of {place} has no chat template, so nobody can tell how to talk to it: "
            "choose a model that was trained for chat (often called -Instruct or -it)"
        )

    def speech(model: Any) -> Speech:
        ends = model.generation_config.eos_token_id
        named = ends if isinstance(ends, list) else [ends]
        return Speech(tokenizer, frozenset(each for each in (*named, tokenizer.eos_token_id) if each is not None))

    return speech


def _bytes_of_position(model: Any) -> int:
    """What a position takes in the caches of all layers: keys and values."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize


def _free_bytes(model: Any) -> int:
    if model.device.type == "cuda":
        return torch.cuda.mem_get_info(model.device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()  # proc(5), in KiB
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
