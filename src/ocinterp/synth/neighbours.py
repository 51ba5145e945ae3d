"""The nearest of many vectors to each of them, exactly: all products of all pairs, in blocks that fit into the cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocinterp.synth.vectors import Vectors

_ROWS, _COLUMNS = 512, 4096


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each vector its nearest others, nearest first [vector, count]: their numbers, and the products with them.

    -1 and -inf where there are fewer.
    """

    numbers: NDArray[np.int64]
    products: NDArray[np.float32]


def nearest(vectors: Vectors, count: int) -> Nearest:
    """By dot product; of equal ones any, but always the same. Each pair is multiplied once."""
    best = _Best(len(vectors), count)
    for top in range(0, len(vectors), _ROWS):
        rows = vectors[top : top + _ROWS]
        for left in range(top, len(vectors), _COLUMNS):
            columns = vectors[left : left + _COLUMNS]
            products = rows @ columns.T
            if left < top + len(rows):  # not with itself, and no pair twice
                ids = np.arange(left, left + len(columns))
                products[ids[None, :] <= np.arange(top, top + len(rows))[:, None]] = -np.inf
            best.offer(products, top, left)
            best.offer(products, left, top, columns=True)
    return best.found()


class _Best:
    """The best so far, with room for some more; what is full is cut back to the best."""

    def __init__(self, size: int, count: int) -> None:
        self._count = count
        self._numbers = np.full((size, 3 * count), -1, np.int64)
        self._products = np.full((size, 3 * count), -np.inf, np.float32)
        self._filled = np.zeros(size, np.int64)
        self._bound = np.full(size, -np.inf, np.float32)  # what is not above it is not among the best

    def offer(self, products: NDArray[np.float32], first: int, others: int, *, columns: bool = False) -> None:
        """Products of the vectors from `first` on with those from `others` on: [vector, other], or the other way around."""
        bound = self._bound[first : first + products.shape[columns]]
        above = products > (bound if columns else bound[:, None])
        crowded = np.nonzero(np.count_nonzero(above, axis=0 if columns else 1) > self._count)[0]
        if len(crowded):
            part = products[:, crowded].T if columns else products[crowded]
            chosen = np.argpartition(-part, self._count - 1, axis=1)[:, : self._count]
            few = np.zeros(part.shape, np.bool_)
            np.put_along_axis(few, chosen, values=True, axis=1)
            if columns:
                above[:, crowded] &= few.T
            else:
                above[crowded] &= few
        found = np.flatnonzero(above)  # many times as fast as of two dimensions
        if len(found):
            one, two = np.divmod(found, products.shape[1])
            values = products[one, two]
            if columns:
                order = np.argsort(two, kind="stable")
                one, two, values = two[order], one[order], values[order]
            self._take(one + first, two + others, values)

    def _take(self, rows: NDArray[np.int64], numbers: NDArray[np.int64], products: NDArray[np.float32]) -> None:
        """Some for each of a few vectors, no more than `count` for one; `rows`, those vectors' numbers, are sorted."""
        own, starts, counts = np.unique(rows, return_index=True, return_counts=True)
        places = np.arange(len(rows)) - np.repeat(starts, counts) + self._filled[rows]
        self._numbers[rows, places] = numbers
        self._products[rows, places] = products
        self._filled[own] += counts
        self._cut(own[self._filled[own] >= 2 * self._count])

    def _cut(self, rows: NDArray[np.int64]) -> None:
        if not len(rows):
            return
        order = np.lexsort((self._numbers[rows], -self._products[rows]), axis=1)[:, : self._count]
        products = np.take_along_axis(self._products[rows], order, 1)
        numbers = np.take_along_axis(self._numbers[rows], order, 1)
        self._products[rows], self._numbers[rows] = -np.inf, -1
        self._products[rows, : self._count] = products
        self._numbers[rows, : self._count] = numbers
        self._filled[rows] = np.minimum(self._filled[rows], self._count)
        self._bound[rows] = products[:, -1]

    def found(self) -> Nearest:
        self._cut(np.arange(len(self._filled)))
        return Nearest(self._numbers[:, : self._count], self._products[:, : self._count])
