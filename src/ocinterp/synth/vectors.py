"""Texts as vectors by the words they have, without a model: TF-IDF, folded into few numbers (latent semantic analysis).

Words and pairs of words are weighted by how rare they are (TF-IDF with sublinear counts, Salton & Buckley 1988), added up
in 1,024 places with signs by chance (feature hashing, Weinberger et al. 2009), and turned onto the axes along which texts
differ most (Deerwester et al. 1990).
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

WIDTH: Final = 192  # numbers of a vector
_PLACES: Final = 1024
_LEAST: Final = 2  # texts that have a word, for it to count
_OFTEN, _OFTEN_SHARE = 20, 0.2  # a word of more texts than both of these tells nothing
_SAMPLE: Final = 20_000  # texts from which the axes are learnt
_BATCH: Final = 1024
_TERM: Final = re.compile(r"[^\W\d_]\w*|\d+")


def of(texts: Sequence[str]) -> Vectors:
    """Vectors of length 1 [text, 192] whose products say how much two texts have in common; 0 for one without words.

    Texts are read three times. The same texts in the same order give the same vectors on one machine.
    """
    if not texts:
        return np.empty((0, WIDTH), np.float32)
    terms = _Terms(texts)
    axes = _axes(np.stack([terms.folded(each) for each in texts[:: max(1, len(texts) // _SAMPLE)]]))
    found = np.empty((len(texts), axes.shape[1]), np.float32)
    for at in range(0, len(texts), _BATCH):
        batch = texts[at : at + _BATCH]
        found[at : at + len(batch)] = np.stack([terms.folded(each) for each in batch]) @ axes
    return _unit(found)


def _terms(text: str) -> list[str]:
    words = _TERM.findall(text.lower())
    return [*words, *map(" ".join, pairwise(words))]


class _Terms:
    """Words and pairs that some texts have, and not most: each with its weight, and with a place and a sign by chance."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(_terms(text)))
        most = max(_OFTEN, _OFTEN_SHARE * len(texts))
        kept = {term: count for term, count in counts.items() if _LEAST <= count <= most}
        self._numbers = {term: number for number, term in enumerate(kept, 1)}
        weights = (math.log(len(texts) / count) for count in kept.values())
        self._weights = np.fromiter(weights, np.float64, len(kept))
        hashes = np.fromiter((zlib.crc32(each.encode(errors="surrogatepass")) for each in kept), np.uint32, len(kept))
        self._signs = np.where(hashes >> np.uint32(31), np.float32(1), np.float32(-1))
        self._places = (hashes % np.uint32(_PLACES)).astype(np.int64)
        self._often = np.empty(0)  # what a term is worth that occurs so many times

    def folded(self, text: str) -> Vectors:
        """A text's terms, added up in their places; of length 1, or 0 where it has none."""
        found = np.zeros(_PLACES, np.float32)
        counts = Counter(filter(None, map(self._numbers.get, _terms(text))))
        if not counts:
            return found
        which = np.fromiter(counts, np.int64, len(counts)) - 1
        times = np.fromiter(counts.values(), np.int64, len(counts))
        if (most := int(times.max())) >= len(self._often):
            self._often = np.array([0.0, *(1 + math.log(each) for each in range(1, 2 * most))])
        weights = (self._often[times] * self._weights[which]).astype(np.float32)
        np.add.at(found, self._places[which], weights * self._signs[which])
        return _unit(found[None])[0]


def _axes(folded: Vectors) -> Vectors:
    """The directions in which texts differ most [place, 192], each weighted evenly."""
    _, axes = np.linalg.eigh((folded.T @ folded).astype(np.float64))  # in ascending order
    return axes[:, ::-1][:, :WIDTH].astype(np.float32)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths, lengths, 1)).astype(np.float32)
