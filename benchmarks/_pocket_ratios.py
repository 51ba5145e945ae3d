"""Single-turn rows against dialogues, as in the paper's table 2, in miniature; `make ratios` calls it.

    python benchmarks/_pocket_ratios.py BASE FOLDER [FILE...]

A model that has only learnt to answer requests (BASE) is tuned on mixtures of about the same length in which so many
single-turn rows come to so many dialogues with feedback, twice each, with other rows and another order; then it is evaluated.
In each FILE what stands between the lines `<!-- ratios -->` and `<!-- /ratios -->` is replaced by the table. What is there
already is not made again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

from ocinterp import records
from ocinterp.bench import attempts
from ocinterp.bench.statistics import wilson
from ocinterp.synth.pocket.dialogues import SHARES, dialogues, plan_of
from ocinterp.types import Trajectory

RATIOS: Final = ((1, 0), (2, 1), (1, 1), (1, 2), (0, 1))
SEEDS: Final = ("1", "2")
CHARACTERS: Final = 2_600_000  # of a mixture: about 0.8 million tokens
SETTINGS: Final = {"single": "one answer", "execution": "+ the report of what failed", "human": "+ a person's words"}
PLACE: Final = re.compile(r"(?<=<!-- ratios -->\n).*?(?=<!-- /ratios -->)", re.DOTALL)
MULTI: Final = tuple(name for name in SHARES if name != "single")


def mixture(single: int, multi: int, seed: str) -> Iterator[Trajectory]:
    """Rows in that proportion, until there are enough."""
    plans = (single, plan_of(["single"])), (multi, plan_of(MULTI))
    streams = [(each, dialogues(f"ratios {seed} {each}", plan)) for each, plan in plans]
    length = 0
    while length < CHARACTERS:
        for number, stream in streams:
            for row in islice(stream, number):
                length += _length(row)
                yield row


def _length(row: Trajectory) -> int:
    said = [each.completion.text + "".join(one.text for one in each.feedback) for each in row.turns]
    return sum(map(len, said)) + sum(len(each.content) for each in row.prompt)


def made(base: Path, folder: Path, single: int, multi: int, seed: str) -> Path:
    """The record of the evaluation of a mixture's model."""
    name = f"{single}-{multi}-{seed}"
    rows, model, found = (folder / f"{name}{end}" for end in (".jsonl.gz", "", ".json"))
    if not rows.exists():
        records.write(rows, mixture(single, multi, seed))
    if not (model / "model.safetensors").exists():
        _run(
            "train",
            "sft",
            "refine",
            "--model",
            base,
            "--data",
            rows,
            "--out",
            model,
            "--device",
            "cpu",
            "--set",
            f"seed={seed}",
        )
    if not found.exists():
        _run("eval", "pocket", "--model", f"pocket:{model}", "--setting", ",".join(SETTINGS), "--critic", "rule",
             "--max-tokens", "200", "--json", found, "--resume")  # fmt: skip
    return found.with_suffix(".jsonl")


def _run(*command: object) -> None:
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    program = "from ocinterp.cli.main import main; main()"
    line = [sys.executable, "-c", program, *map(str, command)]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")


def table(records_of: dict[tuple[int, int], list[Path]]) -> Iterator[str]:
    """A line for each proportion: the share of tasks solved in each setting, both runs together, and of each run."""
    yield f"| single-turn : dialogues | {' | '.join(SETTINGS.values())} | mended of the failures | two runs, the report |\n"
    yield f"|---|{'---:|' * (len(SETTINGS) + 2)}\n"
    for (single, multi), found in records_of.items():
        runs = [_solved(path) for path in found]
        cells = [_share([each for run in runs for each in run[setting]]) for setting in SETTINGS]
        pairs = [pair for run in runs for pair in zip(run["single"], run["execution"], strict=True)]
        cells.append(_share([after for before, after in pairs if not before]))
        cells.append(" · ".join(f"{100 * sum(run['execution']) / len(run['execution']):.1f}" for run in runs))
        yield f"| {single} : {multi} | {' | '.join(cells)} |\n"


def _solved(record: Path) -> dict[str, list[bool]]:
    """By setting, task by task in the same order."""
    found: dict[str, dict[str, bool]] = {name: {} for name in SETTINGS}
    for each in attempts.peek(record).values():
        found[each.key.setting.removesuffix("-base")][each.key.task_id] = each.solves("base")
    return {name: [solved[task_id] for task_id in sorted(solved)] for name, solved in found.items()}


def _share(solved: list[bool]) -> str:
    interval = wilson(sum(solved), len(solved))
    return f"{100 * sum(solved) / len(solved):.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def main() -> None:
    base, folder, *places = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    runs = [(single, multi, seed) for single, multi in RATIOS for seed in SEEDS]

    def record(run: tuple[int, int, str]) -> Path:
        return made(base, folder, *run)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(runs, pool.map(record, runs), strict=True))
    lines = "".join(table({(one, two): [found[one, two, seed] for seed in SEEDS] for one, two in RATIOS}))
    print(lines, end="")
    for path in places:
        text, count = PLACE.subn(lambda _: lines, path.read_text(encoding="utf-8"))
        if not count:
            sys.exit(f"{path}: there is no <!-- ratios --> to put the table after")
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
