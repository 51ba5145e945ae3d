"""Rows that are, or nearly are, another row: exactly by their words, nearly by MinHash (Broder 1997) with bands.

Two texts are near when the runs of five words that they have in common are at least `near` of those that either has
(Jaccard). Of a group of near ones the first is kept, and the others know which it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ocinterp.synth.grams import Grammar, Grams, Numbers

WORDS: Final = 5  # of a run
_HASHES: Final = 128
_BANDS: Final = 32  # of four: nearly all pairs from 0.6 on meet in one, and are then compared
_BATCH: Final = 2048
_PAIRS: Final = 8  # with how many of those before it in its bucket a text is compared


@dataclass(frozen=True, slots=True)
class Found:
    """For each text, in order: the number of the one that stands for its group, itself where it is kept."""

    group: NDArray[np.int64]
    exact: NDArray[np.bool_]  # it has the same words as that one

    @property
    def kept(self) -> NDArray[np.bool_]:
        return self.group == np.arange(len(self.group))


def duplicates(texts: Iterable[str], near: float = 0.7) -> Found:
    """Groups of texts that are near each other; `texts` are read once, and only their runs are held (4 bytes each)."""
    first: dict[bytes, int] = {}
    group: list[int] = []
    signatures: list[NDArray[np.uint32]] = []
    runs: list[NDArray[np.uint32]] = []
    numbers: list[int] = []  # of the texts that are no exact copy
    grammar, permutations = Grammar(WORDS), _permutations()
    for batch in _batches(texts):
        fresh: list[str] = []
        for each in batch:
            at = len(group)
            group.append(first.setdefault(_key(each), at))
            if group[-1] == at:
                fresh.append(each)
                numbers.append(at)
        grams = grammar.grams(fresh)
        signatures.append(_signatures(grams, permutations))
        runs += [_set_of(grams.of(at)) for at in range(len(fresh))]
    found = np.array(group, np.int64)
    exact = found != np.arange(len(found))
    if numbers:
        places = np.array(numbers, np.int64)
        near_group = _groups(np.concatenate(signatures), runs, near)
        found[places] = places[near_group]
        found = found[found]  # copies of a text that is near another
    return Found(found, exact)


def jaccard(one: NDArray[np.uint32], two: NDArray[np.uint32]) -> float:
    """What two sorted sets have in common, of what either has. 0 where both are empty."""
    common = len(np.intersect1d(one, two, assume_unique=True))
    either = len(one) + len(two) - common
    return common / either if either else 0.0


def _key(text: str) -> bytes:
    return hashlib.blake2b(" ".join(text.lower().split()).encode(errors="surrogatepass"), digest_size=12).digest()


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _set_of(numbers: Numbers) -> NDArray[np.uint32]:
    return np.unique((numbers >> np.uint64(32)).astype(np.uint32))


def _permutations() -> tuple[Numbers, Numbers]:
    chance = np.random.Generator(np.random.PCG64(1))
    odd = chance.integers(0, 2**63, _HASHES, np.uint64) * np.uint64(2) + np.uint64(1)
    return odd, chance.integers(0, 2**63, _HASHES, np.uint64)


def _signatures(grams: Grams, permutations: tuple[Numbers, Numbers]) -> NDArray[np.uint32]:
    """The least of each of 128 orders of a text's runs [text, order]; of a text without runs 0 everywhere."""
    texts = len(grams.starts) - 1
    found = np.zeros((texts, _HASHES), np.uint32)
    some = np.diff(grams.starts) > 0
    if not some.any():
        return found
    starts = grams.starts[:-1][some]
    for order, (factor, summand) in enumerate(zip(*permutations, strict=True)):
        ranked = ((grams.numbers * factor + summand) >> np.uint64(32)).astype(np.uint32)
        found[some, order] = np.minimum.reduceat(ranked, starts)
    return found


def _groups(signatures: NDArray[np.uint32], runs: Sequence[NDArray[np.uint32]], near: float) -> NDArray[np.int64]:
    """For each text the first of its group, by pairs that meet in a band and really are near."""
    parent = np.arange(len(signatures))
    compared: set[tuple[int, int]] = set()
    rows = _HASHES // _BANDS
    for band in range(_BANDS):
        part = np.ascontiguousarray(signatures[:, band * rows : (band + 1) * rows])
        keys = part.view(f"V{part.itemsize * rows}").ravel()
        for bucket in _buckets(keys):
            for later, at in enumerate(bucket[1:], 1):
                for other in bucket[max(0, later - _PAIRS) : later]:
                    pair = (int(other), int(at))
                    if pair in compared or _root(parent, pair[0]) == _root(parent, pair[1]):
                        continue
                    compared.add(pair)
                    if jaccard(runs[pair[0]], runs[pair[1]]) >= near:
                        one, two = _root(parent, pair[0]), _root(parent, pair[1])
                        parent[max(one, two)] = min(one, two)
    return np.array([_root(parent, at) for at in range(len(parent))], np.int64)


def _buckets(keys: NDArray[np.void]) -> Iterator[NDArray[np.int64]]:
    """The places that have the same key, where there are several."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(counts)
    for at in np.nonzero(counts > 1)[0]:
        yield order[ends[at] - counts[at] : ends[at]]


def _root(parent: NDArray[np.int64], at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = int(parent[at])
    return at
