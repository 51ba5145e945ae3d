"""The loss of GRPO: clipped ratios of probabilities, and the distance from a reference.

The dialogues of a group begin alike. What they have in common is computed once, and all of them attend to it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch.nn import functional

from ocinterp.train.episodes import Row
from ocinterp.train.packing import packed
from ocinterp.train.recipe import Practice

Reference = Callable[[Any, "Batch", float], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Batch:
    """Packs of trees side by side, all [pack, token] but for `sees`: ids, their places within their rows, which of them the
    policy said, with which log-probability, and the advantage of the answer that they are in.

    `sees` [pack, 1, token, token] tells which earlier tokens each one attends to: those of its own row.
    """

    ids: torch.Tensor
    places: torch.Tensor
    said: torch.Tensor
    logprobs: torch.Tensor
    advantages: torch.Tensor
    sees: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The same, there."""
        return Batch(*(getattr(self, each.name).to(device) for each in fields(self)))

    def of_said(self, values: torch.Tensor) -> torch.Tensor:
        """Of [pack, token] those of tokens that were said, one after the other."""
        return values[:, 1:][self.said[:, 1:]]


@dataclass(frozen=True, slots=True)
class Tree:
    """Rows that begin alike. The first `stem` ids of each are read once for all of them: nothing in them was said."""

    stem: int
    rows: Sequence[Row]

    @property
    def length(self) -> int:
        return self.stem + sum(len(row.ids) - self.stem for row in self.rows)


def trees(rows: Sequence[Row], capacity: int) -> Iterator[Tree]:
    """The rows of a group, together as far as they fit into `capacity` tokens."""
    stem = _stem(rows)
    found: list[Row] = []
    for row in rows:
        if found and Tree(stem, [*found, row]).length > capacity:
            yield Tree(stem, found)
            found = []
        found.append(row)
    if found:
        yield Tree(stem, found)


def _stem(rows: Sequence[Row]) -> int:
    """How many ids all begin with alike, short of the one after which somebody speaks: what that foretells differs."""
    ends = [row.said.index(True) - 1 if True in row.said else len(row.ids) for row in rows]
    most = min(ends, default=0)
    return next((at for at in range(most) if len({row.ids[at] for row in rows}) > 1), most)


def batches(groups: Iterable[Sequence[Row]], capacity: int, at_once: int, padding: int) -> list[Batch]:
    """All rows, in packs of at most `capacity` tokens, `at_once` to a batch. Packs are as long as their batch's longest."""
    grown = [tree for rows in groups for tree in trees(rows, capacity)]
    packs = packed([each.length for each in grown], capacity)
    return [
        _batch([[grown[number] for number in pack] for pack in packs[start : start + at_once]], padding)
        for start in range(0, len(packs), at_once)
    ]


def _batch(packs: Sequence[Sequence[Tree]], padding: int) -> Batch:
    shape = (len(packs), max(sum(tree.length for tree in pack) for pack in packs))
    ids, places = torch.full(shape, padding), torch.zeros(shape, dtype=torch.long)
    said, logprobs, advantages = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape), torch.zeros(shape)
    parts, stems = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    for at, pack in enumerate(packs):
        start = 0
        for number, (row, first, last, stem) in enumerate(_parts(pack), 1):
            there = slice(start, start + last - first)
            ids[at, there] = torch.tensor(row.ids[first:last], dtype=torch.long)
            places[at, there] = torch.arange(first, last)
            said[at, there] = torch.tensor(row.said[first:last], dtype=torch.bool)
            logprobs[at, there] = torch.tensor(row.logprobs[first:last], dtype=torch.float)
            advantages[at, there] = torch.tensor(row.advantages[first:last], dtype=torch.float)
            parts[at, there], stems[at, there] = number, stem
            start = there.stop
    mine = parts[:, :, None]
    sees = ((mine == parts[:, None]) | (stems[:, :, None] == parts[:, None])).tril()
    return Batch(ids, places, said, logprobs, advantages, sees[:, None])


def _parts(pack: Sequence[Tree]) -> Iterator[tuple[Row, int, int, int]]:
    """Of each tree its stem, and then its rows: a row, from where to where, and the number of the stem, counted from 1."""
    number = 1
    for tree in pack:
        yield tree.rows[0], 0, tree.stem, number
        yield from ((row, tree.stem, len(row.ids), number) for row in tree.rows)
        number += 1 + len(tree.rows)


def logprobs(model: Any, batch: Batch, temperature: float) -> torch.Tensor:
    """Of each token that was said, in the order of `Batch.of_said`, at the temperature at which it was drawn."""
    hidden = model.base_model(
        input_ids=batch.ids, attention_mask=batch.sees, position_ids=batch.places, use_cache=False
    ).last_hidden_state
    logits = model.get_output_embeddings()(hidden[:, :-1][batch.said[:, 1:]])
    return -functional.cross_entropy(logits.float() / temperature, batch.of_said(batch.ids), reduction="none")


@dataclass
class Sums:
    """Added up over the tokens of a step."""

    tokens: int = 0
    loss: float = 0.0
    kl: float = 0.0
    clipped: float = 0.0  # how many ratios the loss has no gradient for
    furthest: float = 0.0  # the largest distance of a log-probability from the sampler's


def objective(
    now: torch.Tensor, batch: Batch, practice: Practice, reference: torch.Tensor | None, sums: Sums
) -> torch.Tensor:
    """The sum over all tokens of the loss of GRPO (arXiv 2402.03300, equations 3 and 4), to be divided by their number.

    `now` are the policy's log-probabilities, and the old policy is the sampler. Tokens count alike, whatever the length of
    their answer (arXiv 2503.20783, section 3.1). Upper and lower bound may differ (arXiv 2503.14476, section 3.1).
    """
    advantages = batch.of_said(batch.advantages)
    away = now - batch.of_said(batch.logprobs)
    ratio = away.exp()
    bounded = ratio.clamp(1 - practice.low, 1 + practice.high)
    gain = torch.minimum(ratio * advantages, bounded * advantages)
    loss = -gain
    if reference is not None:
        beyond = reference - now
        apart = beyond.exp() - beyond - 1  # an estimate without bias that is never negative (Schulman 2020)
        loss = loss + practice.kl * apart
        sums.kl += float(apart.detach().sum())
    sums.tokens += len(now)
    sums.loss += float(loss.detach().sum())
    sums.clipped += float((bounded * advantages < ratio * advantages).sum())
    sums.furthest = max(sums.furthest, float(away.detach().abs().max()))
    return loss.sum()


def reference(model: Any, *, adapted: bool) -> Reference:
    """The model as it is now, for good. With adapters it is the same model without them, else a copy."""
    if adapted:
        return _without_adapters
    frozen = copy.deepcopy(model).requires_grad_(False).eval()

    @torch.no_grad()
    def told(_: Any, batch: Batch, temperature: float) -> torch.Tensor:
        return logprobs(frozen, batch, temperature)

    return told


@torch.no_grad()
def _without_adapters(model: Any, batch: Batch, temperature: float) -> torch.Tensor:
    with _plain(model):
        return logprobs(model, batch, temperature)


@contextmanager
def _plain(model: Any) -> Generator[None]:
    layers = [each for each in model.modules() if hasattr(each, "lora_A") and hasattr(each, "enable_adapters")]
    for each in layers:
        each.enable_adapters(enabled=False)
    try:
        yield
    finally:
        for each in layers:
            each.enable_adapters(enabled=True)
