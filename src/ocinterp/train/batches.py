"""Packs as tensors, in an order that depends on the seed and the number of the step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ocinterp.train.packing import efficiency, shuffled
from ocinterp.train.rows import Row


@dataclass(frozen=True, slots=True)
class Batch:
    """Packs side by side, all [pack, token]: ids, their places within their rows, and the weight with which each is predicted."""

    ids: torch.Tensor
    places: torch.Tensor
    weights: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The same, there."""
        return Batch(*(each.to(device, non_blocking=True) for each in (self.ids, self.places, self.weights)))


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rows make which batch: `epochs` times all of them, in packs of `capacity` tokens, `packs` to a step."""

    rows: Sequence[Row]
    capacity: int
    packs: int
    epochs: int
    seed: str
    padding: int  # the id of what fills a pack

    def steps(self) -> Iterator[list[list[int]]]:
        """The packs of each step, as numbers of rows."""
        lengths = [len(row.ids) for row in self.rows]
        for epoch in range(self.epochs):
            order = shuffled(lengths, self.capacity, f"{self.seed} {epoch}")
            for start in range(0, len(order), self.packs):
                yield order[start : start + self.packs]

    @property
    def tokens(self) -> int:
        """Of all rows in all epochs."""
        return self.epochs * sum(len(row.ids) for row in self.rows)

    @property
    def efficiency(self) -> float:
        """The share of computed tokens that are no padding, in the first epoch."""
        lengths = [len(row.ids) for row in self.rows]
        return efficiency(lengths, len(shuffled(lengths, self.capacity, f"{self.seed} 0")), self.capacity)

    def size(self, packs: Sequence[Sequence[int]]) -> int:
        """The tokens of rows in them."""
        return sum(len(self.rows[number].ids) for pack in packs for number in pack)

    def weight(self, packs: Sequence[Sequence[int]]) -> float:
        """The sum of all weights in them."""
        return sum(sum(self.rows[number].weights) for pack in packs for number in pack)

    def batch(self, packs: Sequence[Sequence[int]]) -> Batch:
        """Their tensors. What fills a pack is a row of its own that nobody learns; an empty pack holds nothing else."""
        shape = (len(packs), self.capacity)
        ids = np.full(shape, self.padding, np.int64)
        places = np.empty(shape, np.int64)
        weights = np.zeros(shape, np.float32)
        rising = np.arange(self.capacity)
        for at, pack in enumerate(packs):
            start = 0
            for number in pack:
                row = self.rows[number]
                end = start + len(row.ids)
                ids[at, start:end] = row.ids
                places[at, start:end] = rising[: end - start]
                weights[at, start:end] = row.weights
                start = end
            places[at, start:] = rising[: self.capacity - start]
        return Batch(*map(torch.from_numpy, (ids, places, weights)))
