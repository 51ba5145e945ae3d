"""Single-turn rows against dialogues, as in the paper's table 2, in miniature; `make ratios` calls it.

    python benchmarks/_pocket_ratios.py BASE FOLDER [FILE...]

A model that has only learnt to answer requests (BASE) is tuned on mixtures of about the same length in which so many
single-turn rows come to so many dialogues with feedback, twice each, with other rows and another order; then it is evaluated.
In each FILE what stands between the lines `<!-- ratios -->` and `<!-- /ratios -->` is replaced by the table. What is there
already is not made again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from _pocket_tuned import SEEDS, length, put, side_by_side, table, tuned

from ocinterp.synth.pocket.dialogues import SHARES, dialogues, plan_of
from ocinterp.types import Trajectory

RATIOS: Final = ((1, 0), (2, 1), (1, 1), (1, 2), (0, 1))
CHARACTERS: Final = 2_600_000  # of a mixture: about 0.8 million tokens
MULTI: Final = tuple(name for name in SHARES if name != "single")


def mixture(single: int, multi: int, seed: str) -> Iterator[Trajectory]:
    """Rows in that proportion, until there are enough."""
    plans = (single, plan_of(["single"])), (multi, plan_of(MULTI))
    streams = [(each, dialogues(f"ratios {seed} {each}", plan)) for each, plan in plans]
    so_far = 0
    while so_far < CHARACTERS:
        for number, stream in streams:
            for row in islice(stream, number):
                so_far += length(row)
                yield row


def main() -> None:
    base, folder, *places = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    runs = [(single, multi, seed) for single, multi in RATIOS for seed in SEEDS]

    def record(run: tuple[int, int, str]) -> Path:
        single, multi, seed = run
        return tuned(base, folder, f"{single}-{multi}-{seed}", lambda: mixture(single, multi, seed), seed)

    found = side_by_side(runs, record)
    named = {f"{one} : {two}": [found[one, two, seed] for seed in SEEDS] for one, two in RATIOS}
    lines = table("single-turn : dialogues", named)
    print(lines, end="")
    put("ratios", lines, places)


if __name__ == "__main__":
    main()
