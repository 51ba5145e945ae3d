"""What the ablations of the pocket model share: a model tuned on some rows, evaluated, and its numbers side by side with others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from ocinterp import records
from ocinterp.bench import attempts
from ocinterp.bench.statistics import wilson
from ocinterp.types import Trajectory

_T = TypeVar("_T")

SEEDS: Final = ("1", "2")
Settings = Mapping[str, str]  # of an evaluation, in the words of a table: one answer, its report, a person
SETTINGS: Final[Settings] = {
    "single": "one answer",
    "execution": "+ the report of what failed",
    "human": "+ a person's words",
}


def length(row: Trajectory) -> int:
    """Characters of a dialogue."""
    said = [each.completion.text + "".join(one.text for one in each.feedback) for each in row.turns]
    return sum(map(len, said)) + sum(len(each.content) for each in row.prompt)


def tuned(
    base: Path,
    folder: Path,
    name: str,
    rows: Callable[[], Iterable[Trajectory]],
    seed: str,
    settings: Settings = SETTINGS,
) -> Path:
    """The record of the evaluation of `base` tuned on rows. What is there already is not made again."""
    data, model, found = (folder / f"{name}{end}" for end in (".jsonl.gz", "", ".json"))
    if not data.exists():
        records.write(data, rows())
    if not (model / "model.safetensors").exists():
        _run("train", "sft", "refine", "--model", base, "--data", data, "--out", model, "--device", "cpu",
             "--set", f"seed={seed}")  # fmt: skip
    if not found.exists():
        _run("eval", "pocket", "--model", f"pocket:{model}", "--setting", ",".join(settings), "--critic", "rule",
             "--max-tokens", "200", "--json", found, "--resume")  # fmt: skip
    return found.with_suffix(".jsonl")


def _run(*command: object) -> None:
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    program = "from ocinterp.cli.main import main; main()"
    line = [sys.executable, "-c", program, *map(str, command)]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")


def side_by_side(runs: Sequence[_T], act: Callable[[_T], Path]) -> dict[_T, Path]:
    """What comes of each run, as many at once as this process may have processors."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return dict(zip(runs, pool.map(act, runs), strict=True))


def solved(record: Path, settings: Settings = SETTINGS) -> dict[str, list[bool]]:
    """By setting, task by task in the same order."""
    found: dict[str, dict[str, bool]] = {name: {} for name in settings}
    for each in attempts.peek(record).values():
        if (name := each.key.setting.removesuffix("-base")) in found:
            found[name][each.key.task_id] = each.solves("base")
    return {name: [tasks[task_id] for task_id in sorted(tasks)] for name, tasks in found.items()}


def share(those: Sequence[bool]) -> str:
    """Percent, with Wilson's interval."""
    interval = wilson(sum(those), len(those))
    return f"{100 * sum(those) / len(those):.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def cells(found: Sequence[Path], settings: Settings = SETTINGS) -> Iterator[str]:
    """Of the runs of one kind together: each setting, how many failures a report mended, and each run by itself."""
    single, report, _ = settings
    runs = [solved(path, settings) for path in found]
    yield from (share([each for run in runs for each in run[setting]]) for setting in settings)
    pairs = [pair for run in runs for pair in zip(run[single], run[report], strict=True)]
    yield share([after for before, after in pairs if not before])
    yield " · ".join(f"{100 * sum(run[report]) / len(run[report]):.1f}" for run in runs)


def table(first: str, records_of: Mapping[str, Sequence[Path]], settings: Settings = SETTINGS) -> str:
    """In Markdown, a line for each kind of run."""
    heads = [first, *settings.values(), "mended of the failures", "each run, the report"]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    lines += [f"| {name} | {' | '.join(cells(found, settings))} |" for name, found in records_of.items()]
    return "".join(f"{each}\n" for each in lines)


def put(mark: str, lines: str, places: Iterable[Path]) -> None:
    """Put lines between `<!-- MARK -->` and `<!-- /MARK -->` in each file, in the place of what stands there."""
    place = re.compile(rf"(?<=<!-- {mark} -->\n).*?(?=<!-- /{mark} -->)", re.DOTALL)
    for path in places:
        text, count = place.subn(lambda _: lines, path.read_text(encoding="utf-8"))
        if not count:
            sys.exit(f"{path}: there is no <!-- {mark} --> to put the table after")
        path.write_text(text, encoding="utf-8")
