"""Single-turn packing (paper, section 2.2): questions that are near each other become the turns of one dialogue.

Two rules. The paper's: of the four nearest of a question two or three are chosen by chance, and a question is skipped
where one of the chosen is used already. Ours: of the sixteen nearest the nearest that are still free; it makes more
packs of the same questions, and each of nearer ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from ocinterp.synth.neighbours import Nearest

Rule = Literal["free", "paper"]

WIDE: Final = 16  # neighbours that are looked at, by our rule
NARROW: Final = 4  # and by the paper's
_MORE: Final = (2, 3)  # questions that join one
FEWEST: Final = 1 + min(_MORE)  # questions of a pack


@dataclass(frozen=True, slots=True)
class Pack:
    """The numbers of the questions of a dialogue, the one that the others were found for first; how near each is to it."""

    questions: tuple[int, ...]
    products: tuple[float, ...]


def packs(found: Nearest, seed: str, rule: Rule = "free", least: float = 0.0) -> Iterator[Pack]:
    """Packs of three or four questions; none is in two of them. `least`: how near they must be."""
    chance = Random(f"pack {seed}")
    order = list(range(len(found.numbers)))
    chance.shuffle(order)
    numbers: list[list[int]] = found.numbers.tolist()
    products: list[list[float]] = found.products.tolist()
    used: set[int] = set()
    for question in order:
        if question in used:
            continue
        near = [
            (other, product)
            for other, product in zip(numbers[question], products[question], strict=True)
            if other >= 0 and product >= least
        ]
        chosen = (_free if rule == "free" else _papers)(near, used, chance)
        if chosen:
            used.update((question, *(other for other, _ in chosen)))
            yield Pack((question, *(other for other, _ in chosen)), tuple(product for _, product in chosen))


def _free(near: Sequence[tuple[int, float]], used: set[int], chance: Random) -> Sequence[tuple[int, float]]:
    """The nearest of those that are free; nothing where there are too few."""
    free = [each for each in near[:WIDE] if each[0] not in used]
    return free[: chance.choice(_MORE)] if len(free) >= min(_MORE) else ()


def _papers(near: Sequence[tuple[int, float]], used: set[int], chance: Random) -> Sequence[tuple[int, float]]:
    near = near[:NARROW]
    count = chance.choice(_MORE)
    if len(near) < count:
        return ()
    chosen = chance.sample(near, count)
    return () if any(other in used for other, _ in chosen) else chosen
