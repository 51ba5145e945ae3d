"""A small Llama that carries many sequences on at once; see `models.engine`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ocinterp.models.engine import Strand, Token
from ocinterp.models.pocket.llama import Cache, Llama, Span
from ocinterp.models.pocket.sampling import chosen

_WORTH: Final = 8  # ids in common with another sequence, from which on they are taken over and not read again
_AT_ONCE: Final = 4096  # ids that are read in one step, unless one sequence has more: activations take 12 KB each


class PocketEngine:
    """Sequences in the slots of a cache, always the first ones, so that all are multiplied without being copied.

    `llama` may be replaced by another of the same shape while no strand is in the engine: by one that has learnt more.
    """

    def __init__(self, llama: Llama) -> None:
        self.llama = llama
        self._cache = Cache(llama.config)
        self._strands: list[Strand] = []  # by slot
        self._read: list[int] = []  # how many ids of each are in the cache

    @property
    def positions(self) -> int:
        return self.llama.config.max_position_embeddings

    def join(self, strand: Strand, /) -> None:
        self._strands.append(strand)
        self._read.append(0)

    def leave(self, strand: Strand, /) -> None:
        slot = self._strands.index(strand)
        last, read = self._strands.pop(), self._read.pop()
        if last is not strand:
            if read:
                self._cache.move(len(self._strands), slot, read)
            self._strands[slot], self._read[slot] = last, read

    def step(self) -> Sequence[Token]:
        spans = self._spans()
        self._make_room(max(*self._read, *(each.end for each in spans)))
        logits = self.llama.forward(spans, self._cache)
        those = [self._strands[each.slot] for each in spans]
        for each in spans:
            self._read[each.slot] = each.end
        numbers, logprobs = chosen(logits, those)
        return [
            Token(strand, number, min(logprob, 0.0))
            for strand, number, logprob in zip(those, numbers.tolist(), logprobs.tolist(), strict=True)
        ]

    def _make_room(self, length: int) -> None:
        """Room in the cache, and some to spare, but none that nobody can use: all that is allocated is soon touched."""
        slots = len(self._strands)
        if not self._cache.holds(slots, length):
            most = max(len(each.ids) + each.sampling.max_tokens for each in self._strands)
            longest = max(length, min(length + length // 2, most, self.positions))
            self._cache.resize(slots + slots // 8, longest, max(self._read))

    def _spans(self) -> list[Span]:
        """What is to be read now: the last id of those that go on, and as many new ones as one step takes."""
        found: list[Span] = []
        left = _AT_ONCE
        for slot, (strand, read) in enumerate(zip(self._strands, self._read, strict=True)):
            source, known = (None, read) if read else self._known(strand.ids, found)
            left -= len(strand.ids) - known
            if left < 0 and found:
                break
            found.append(Span(slot, known, strand.ids[known:], source))
        return found

    def _known(self, ids: list[int], before: Sequence[Span]) -> tuple[int | None, int]:
        """The slot that has most of these ids in common, and how many; one at least is left to be read."""
        best, most = None, _WORTH - 1
        for span in before:
            if (common := _common(ids, self._strands[span.slot].ids, span.end)) > most:
                best, most = span.slot, common
        return (None, 0) if best is None else (best, min(most, len(ids) - 1))


def _common(one: list[int], other: list[int], most: int) -> int:
    """How many ids two sequences begin with alike, of the first `most`."""
    most = min(most, len(one), len(other))
    if one[:_WORTH] != other[:_WORTH]:
        return 0
    if one[:most] == other[:most]:
        return most
    return next(at for at in range(most) if one[at] != other[at])
