"""Each method of a dataset left out once, as in the paper's table 3, in miniature; `make ablation` calls it.

    python benchmarks/_pocket_methods.py BASE RUN FOLDER OUT [RUNS]

A model that has only learnt to answer requests (BASE) is tuned on requests, as many beside rows of a dataset (RUN, a folder of
`ocinterp synth`): rows of all its methods, of all but one, and of none. All mixtures are about as long, so that a method that is left out
makes room for the others. Twice each (or RUNS times), with other rows and another order. OUT is Markdown for the dataset's card
(`ocinterp synth card --results OUT`). What is there already is not made again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Final

from _pocket_tuned import SEEDS, SETTINGS, length, side_by_side, solved, table, tuned

from ocinterp.bench.statistics import paired
from ocinterp.synth import folder as folders
from ocinterp.synth.pocket.dialogues import dialogues, plan_of
from ocinterp.synth.rows import Method, Row, trajectory
from ocinterp.types import Trajectory

MOST: Final = 4_000  # rows of a method that are looked at
METHODS: Final[tuple[Method, ...]] = ("simulation", "correction", "similar", "follow-up", "packing")
CHARACTERS: Final = 1_700_000  # of a mixture: about half a million tokens
ALL, NONE = "all methods", "requests alone"


def rows(run: Path, seed: str) -> dict[Method, list[Trajectory]]:
    """Of each method, in an order by chance."""
    found: dict[Method, list[Row]] = {name: [] for name in METHODS}
    for each in folders.made(run).rows(Row):
        if each.method in found:
            found[each.method].append(each)
    chance = Random(f"methods {seed}")
    return {
        name: [trajectory(each) for each in chance.sample(those, min(len(those), MOST))]
        for name, those in found.items()
    }


def mixture(run: Path, methods: Sequence[Method], seed: str) -> Iterator[Trajectory]:
    """A request and a row in turn, of each of the methods in turn, until there are enough; requests alone for no method."""
    requests = dialogues(f"methods {seed}", plan_of(["single"]))
    kept = rows(run, seed) if methods else {}
    streams = cycle([iter(kept[each]) for each in methods]) if methods else None
    so_far = 0
    while so_far < CHARACTERS:
        given = [*islice(requests, 1), *islice(next(streams), 1)] if streams else list(islice(requests, 1))
        for each in given:
            so_far += length(each)
            yield each


def main() -> None:
    base, run, folder, out = map(Path, sys.argv[1:5])
    seeds = SEEDS[: int(sys.argv[5])] if sys.argv[5:] else SEEDS
    folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, tuple[Method, ...]] = {
        ALL: METHODS, **{f"without {name}": tuple(each for each in METHODS if each != name) for name in METHODS}, NONE: (),
    }  # fmt: skip
    runs = [(name, seed) for name in kinds for seed in seeds]

    def record(which: tuple[str, str]) -> Path:
        name, seed = which
        return tuned(base, folder, f"{name}-{seed}".replace(" ", "-"), lambda: mixture(run, kinds[name], seed), seed)

    found = side_by_side(runs, record)
    named = {name: [found[name, seed] for seed in seeds] for name in kinds}
    text = f"{table('rows of', named)}\n{differences(named)}"
    print(text, end="")
    out.write_text(text, encoding="utf-8")


def differences(found: dict[str, list[Path]]) -> str:
    """Task by task against all methods: each setting, both runs together."""
    whole = [solved(path) for path in found[ALL]]
    said: list[str] = []
    for name, paths in found.items():
        if name == ALL:
            continue
        parts: list[str] = []
        for setting, words in SETTINGS.items():
            first, second = (
                {f"{seed} {at}": held for seed, run in enumerate(runs) for at, held in enumerate(run[setting])}
                for runs in (whole, [solved(path) for path in paths])
            )
            found_so = paired(first, second)
            low, high = 100 * found_so.interval.low, 100 * found_so.interval.high
            parts.append(f"{words} {100 * found_so.difference:+.1f} [{low:+.1f}, {high:+.1f}]")
        said.append(f"- {name}: {'; '.join(parts)}")
    return "Task by task against all methods, in points (paired, 95 %):\n\n" + "".join(f"{each}\n" for each in said)


if __name__ == "__main__":
    main()
