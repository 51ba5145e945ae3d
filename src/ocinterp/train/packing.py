"""Rows put side by side into packs of one length, so that few computed tokens are padding.

Best fit, longest first: each row goes where it leaves the least room. Positions begin anew with each row of a pack, by which
attention keeps them apart.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from random import Random


def packed(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Packs of row numbers, none longer than `capacity`. ValueError for a row that is."""
    if lengths and max(lengths) > capacity:
        raise ValueError(f"a row of {max(lengths)} tokens does not fit into a pack of {capacity}")
    packs: list[list[int]] = []
    room: list[tuple[int, int]] = []  # of each pack that is open: the room that is left, and its number; sorted
    for number in sorted(range(len(lengths)), key=lambda each: (-lengths[each], each)):
        at = bisect_left(room, (lengths[number], -1))
        if at == len(room):
            packs.append([])
            left, pack = capacity, len(packs) - 1
        else:
            left, pack = room.pop(at)
        packs[pack].append(number)
        if left > lengths[number]:
            insort(room, (left - lengths[number], pack))
    return packs


def shuffled(lengths: Sequence[int], capacity: int, seed: str, at_once: int = 4096) -> list[list[int]]:
    """Packs of all rows in an order of chance, always the same for a seed.

    Rows are shuffled and packed `at_once` together: long and short ones stay mixed, and an epoch of any size is packed in a
    time that grows with it.
    """
    chance = Random(seed)
    order = list(range(len(lengths)))
    chance.shuffle(order)
    found: list[list[int]] = []
    for start in range(0, len(order), at_once):
        part = order[start : start + at_once]
        found += [[part[each] for each in pack] for pack in packed([lengths[number] for number in part], capacity)]
    chance.shuffle(found)
    return found


def efficiency(lengths: Iterable[int], packs: int, capacity: int) -> float:
    """The share of computed tokens that are no padding."""
    return sum(lengths) / (packs * capacity) if packs else 1.0
