"""Each method of a dataset left out once, as in the paper's table 3, in miniature; `make ablation` calls it.

    python benchmarks/_pocket_methods.py BASE RUN FOLDER OUT [RUNS]

A model that has only learnt to answer requests (BASE) is tuned on requests, as many beside rows of a dataset (RUN, a folder of
`ocinterp synth`): rows of all its methods, of all but one, and of none. All mixtures are about as long, so that a method that is left out
makes room for the others, which keep their proportions. Twice each (or RUNS times), with other rows and another order; and once as long as
what the built-in model has learnt from. OUT is Markdown for the dataset's card (`ocinterp synth card --results OUT`). What is there already
is not made again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from _pocket_tuned import SEEDS, length, side_by_side, solved, table, tuned

from ocinterp.bench.statistics import paired
from ocinterp.synth import folder as folders
from ocinterp.synth.pocket.dialogues import dialogues, plan_of
from ocinterp.synth.rows import Method, Row, trajectory
from ocinterp.types import Trajectory

METHODS: Final[tuple[Method, ...]] = ("simulation", "correction", "similar", "follow-up", "packing")
CHARACTERS: Final = 1_700_000  # of a mixture: about half a million tokens
TIMES: Final = 12  # as much in the long one: about what the built-in model has after its requests
SETTINGS: Final = {"single": "one answer", "visible": "+ the tests that failed", "human": "+ a person's words"}
ALL, NONE, LONG = "all methods", "requests alone", f"all methods, {TIMES} times as long"


def mixture(run: Path, methods: Sequence[Method], seed: str, characters: int) -> Iterator[Trajectory]:
    """A request and a row in turn until there are enough, rows by chance of all that there are; requests alone for no method."""
    requests = dialogues(f"methods {seed}", plan_of(["single"]))
    rows = iter(_rows(run, methods, seed))
    so_far = 0
    while so_far < characters:
        for each in (*islice(requests, 1), *islice(rows, 1)):
            so_far += length(each)
            yield each


def _rows(run: Path, methods: Sequence[Method], seed: str) -> Iterator[Trajectory]:
    kept = [each for each in folders.made(run).rows(Row) if each.method in methods] if methods else []
    Random(f"methods {seed}").shuffle(kept)
    return map(_plain, map(trajectory, kept))


def _plain(dialogue: Trajectory) -> Trajectory:
    """Without the words of the system, which the evaluation does not say either."""
    return replace(dialogue, prompt=tuple(each for each in dialogue.prompt if each.role != "system"))


def main() -> None:
    base, run, folder, out = map(Path, sys.argv[1:5])
    seeds = SEEDS[: int(sys.argv[5])] if sys.argv[5:] else SEEDS
    folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, tuple[Method, ...]] = {
        LONG: METHODS, ALL: METHODS, **{f"without {name}": tuple(each for each in METHODS if each != name) for name in METHODS}, NONE: (),
    }  # fmt: skip
    runs = [(name, seed) for name in kinds for seed in (seeds[:1] if name == LONG else seeds)]

    def record(which: tuple[str, str]) -> Path:
        name, seed = which
        characters = CHARACTERS * (TIMES if name == LONG else 1)
        rows = partial(mixture, run, kinds[name], seed, characters)
        return tuned(base, folder, f"{name}-{seed}".replace(",", "").replace(" ", "-"), rows, seed, SETTINGS)

    found = side_by_side(runs, record)
    named = {name: [path for (kind, _), path in found.items() if kind == name] for name in (*list(kinds)[1:], LONG)}
    text = f"{table('rows of', named, SETTINGS)}\n{differences({name: paths for name, paths in named.items() if name != LONG})}"
    print(text, end="")
    out.write_text(text, encoding="utf-8")


def differences(found: dict[str, list[Path]]) -> str:
    """Task by task against all methods: each setting, both runs together."""
    whole = [solved(path, SETTINGS) for path in found[ALL]]
    said: list[str] = []
    for name, paths in found.items():
        if name == ALL:
            continue
        parts: list[str] = []
        for setting, words in SETTINGS.items():
            first, second = (
                {f"{seed} {at}": held for seed, run in enumerate(runs) for at, held in enumerate(run[setting])}
                for runs in (whole, [solved(path, SETTINGS) for path in paths])
            )
            found_so = paired(first, second)
            low, high = 100 * found_so.interval.low, 100 * found_so.interval.high
            parts.append(f"{words} {100 * found_so.difference:+.1f} [{low:+.1f}, {high:+.1f}]")
        said.append(f"- {name}: {'; '.join(parts)}")
    return "Task by task against all methods, in points (paired, 95 %):\n\n" + "".join(f"{each}\n" for each in said)


if __name__ == "__main__":
    main()
