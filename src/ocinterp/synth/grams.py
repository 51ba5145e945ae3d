"""Runs of words as numbers, for many texts at once: what both near duplicates and copies of benchmarks are found by."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

_WORD: Final = re.compile(r"\w+")
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # splitmix64's


class _Hashes(dict[str, int]):
    """A number for each word, worked out once. Words are few beside their occurrences."""

    def __missing__(self, word: str) -> int:
        data = word.encode(errors="surrogatepass")
        found = self[word] = zlib.crc32(data) << 32 | zlib.crc32(data, 0x5BD1E995)
        return found


@dataclass(frozen=True, slots=True)
class Grams:
    """The runs of a batch of texts, one after the other; those of text `i` are `numbers[starts[i]:starts[i + 1]]`."""

    numbers: Numbers
    starts: NDArray[np.int64]  # one more than there are texts

    def of(self, at: int) -> Numbers:
        return self.numbers[self.starts[at] : self.starts[at + 1]]


class Grammar:
    """Makes runs of `size` words of texts: letters, digits and _ in small letters; all else is between words.

    A text with fewer words is one run, one without any has none.
    """

    def __init__(self, size: int) -> None:
        self.size: Final = size
        self._hashes = _Hashes()

    def grams(self, texts: Sequence[str]) -> Grams:
        words = [_WORD.findall(each.lower()) for each in texts]
        counts = np.fromiter(map(len, words), np.int64, len(words))
        numbers = np.fromiter(map(self._hashes.__getitem__, _chained(words)), np.uint64, int(counts.sum()))
        ends = np.cumsum(counts)
        return _runs(numbers, ends - counts, counts, self.size)


def _chained(lists: Iterable[list[str]]) -> Iterable[str]:
    for each in lists:
        yield from each


def _runs(numbers: Numbers, starts: NDArray[np.int64], counts: NDArray[np.int64], size: int) -> Grams:
    """The runs of texts whose words are `numbers`, text `i` the `counts[i]` from `starts[i]` on."""
    total = len(numbers)
    padded = np.concatenate([numbers, np.zeros(size, np.uint64)])
    place = np.arange(total)
    text = np.repeat(np.arange(len(counts)), counts)
    left = (
        counts[text] - (place - starts[text]) if total else np.zeros(0, np.int64)
    )  # words from here to its text's end
    length = np.minimum(counts, size)[text] if total else left
    rolled = np.zeros(total, np.uint64)
    for step in range(size):  # shorter texts have fewer words in their one run
        rolled = np.where(step < length, rolled * _BASE + padded[step : step + total], rolled)
    whole = left >= length
    found = np.bincount(text[whole], minlength=len(counts))
    return Grams(mixed(rolled[whole]), np.concatenate([[0], np.cumsum(found)]).astype(np.int64))


def mixed(numbers: Numbers) -> Numbers:
    """Numbers that look like chance, one for one (the last part of splitmix64)."""
    found = (numbers ^ (numbers >> np.uint64(30))) * _MIX[0]
    found = (found ^ (found >> np.uint64(27))) * _MIX[1]
    return found ^ (found >> np.uint64(31))
