"""The table of what the pocket model solves, put into files between two marks; `make pocket` calls it.

    python benchmarks/_pocket_table.py EVALUATION.jsonl FILE...

The attempts are those that `ocinterp eval pocket --json EVALUATION.json` keeps. In each FILE all that stands between the
lines `<!-- NAME -->` and `<!-- /NAME -->` is replaced, where NAME is that of the evaluation: `nano` for NANO.jsonl. In a model card
without them it is the sentence that there are no results.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ocinterp.bench import attempts
from ocinterp.bench.attempts import Attempt
from ocinterp.bench.spending import bought
from ocinterp.bench.statistics import wilson
from ocinterp.parse import meaning
from ocinterp.tasks.pocket import benchmark
from ocinterp.train.card import NO_RESULTS

ROWS: Final = {
    "single": "one answer",
    "resample": "instead: samples for as many tokens, if one is right",
    "blank": "+ word that it failed, and no more",
    "mismatched": "+ the report on another task",
    "execution": "+ the report of what failed",
    "visible": "+ all visible tests that failed",
    "human": "+ a person's words",
    "oracle": "+ the words of one who has the solution",
}


@dataclass(frozen=True, slots=True)
class End:
    """What came of a task: whether its program is right, and whether the answer to its failure has the program that failed."""

    solved: bool
    again: bool = False


def table(found: Sequence[Attempt]) -> Iterator[str]:
    """Its lines, in Markdown. What was mended is counted among the tasks whose first answer, which settings share, failed."""
    parts = list(benchmark.PARTS)
    yield f"| | all | {' | '.join(parts)} | mended of the failures | same program again |\n"
    yield f"|---|---:|{'---:|' * len(parts)}---:|---:|\n"
    first = {each.key.task_id: each.solves("base") for each in found if each.key.setting == "single"}
    for setting, words in ROWS.items():
        ends = dict(_ends(found, setting))
        if ends:
            yield f"| {words} | {' | '.join(_cells(ends, first, parts, alone=setting == 'single'))} |\n"


def _ends(found: Sequence[Attempt], setting: str) -> Iterator[tuple[str, End]]:
    """By task. Of `resample`: whether one of as many samples as the tokens of `execution` buy is right."""
    these = [each for each in found if each.key.setting.removesuffix("-base") == setting]
    if setting != "resample":
        yield from ((each.key.task_id, End(each.solves("base"), _again(each))) for each in these)
        return
    if not these:
        return
    samples: defaultdict[str, list[Attempt]] = defaultdict(list)
    for each in sorted(these, key=lambda each: each.key.sample):
        samples[each.key.task_id].append(each)
    for dialogue in (each for each in found if each.key.setting == "execution-base"):
        task_id = dialogue.key.task_id
        drawn = samples[task_id][: bought(samples[task_id], dialogue)]
        yield task_id, End(any(each.solves("base") for each in drawn))


def _again(attempt: Attempt) -> bool:
    programs = [meaning(each) for each in attempt.programs]
    return len(programs) > 1 and programs[0] == programs[1]


def _cells(ends: Mapping[str, End], first: Mapping[str, bool], parts: Sequence[str], *, alone: bool) -> Iterator[str]:
    yield _share([each.solved for each in ends.values()])
    for part in parts:
        solved = [each.solved for task_id, each in ends.items() if f"/{part}/" in task_id]
        yield f"{100 * sum(solved) / len(solved):.1f}" if solved else ""
    failed = [each for task_id, each in ends.items() if not first[task_id]]
    if alone or not failed:
        yield from ("", "")
        return
    yield _share([each.solved for each in failed])
    again = sum(each.again for each in failed)
    yield f"{100 * again / len(failed):.0f} %" if again else ""


def _share(solved: Sequence[bool]) -> str:
    interval = wilson(sum(solved), len(solved))
    return f"**{100 * sum(solved) / len(solved):.1f}** [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def main() -> None:
    record, *places = map(Path, sys.argv[1:])
    lines = "".join(table(list(attempts.peek(record).values())))
    print(lines, end="")
    first, last = f"<!-- {record.stem} -->", f"<!-- /{record.stem} -->"
    place = re.compile(rf"(?<={first}\n).*?(?={last})", re.DOTALL)
    for path in places:
        text = path.read_text(encoding="utf-8").replace(NO_RESULTS, f"{first}\n{last}")
        text, count = place.subn(lambda _: lines, text)
        if not count:
            sys.exit(f"{path}: there is no {first} to put the table after")
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
