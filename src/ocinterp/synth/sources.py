"""The stages that ask nobody: questions out of files, without those that are there twice, and without benchmarks."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from ocinterp.errors import DataError, UsageError
from ocinterp.files import explained, replace_file
from ocinterp.problems import Benchmark
from ocinterp.synth import near, proof, tests
from ocinterp.synth.decontaminate import Detector, Hit, table
from ocinterp.synth.folder import Done, Stage
from ocinterp.synth.hardness import Judged
from ocinterp.synth.ingest import Given, queries
from ocinterp.synth.jury import Jury
from ocinterp.synth.plan import Input, Plan
from ocinterp.synth.queries import Query, Rejected, refused

SILENT: Final = "with tests that say nothing"
COMMON: Final = "common.json"  # beside the parts: runs of words that benchmarks have, and many questions as well
CONTAMINATION: Final = (
    "contamination.json"  # beside the parts: for each benchmark and each of its tasks, how many rows had it in them
)


def input_of(path: Path, dataset: str = "", licence: str = "", form: str = "") -> Input:
    """A file as a plan names it. DataError where it cannot be read, or its name cannot be written."""
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{str(path)!a}: its name is not UTF-8: give it another") from error
    return Input(str(path.resolve()), _sha256(path), dataset, licence, form)


def ingest(plan: Plan, stage: Stage) -> Done:
    """All rows of all inputs, as questions. UsageError for a file that is not what it was when the plan was made."""
    for each in plan.inputs:
        if _sha256(Path(each.path)) != each.sha256:
            raise UsageError(f"{each.path} is not what it was when the plan was made: make a new plan")
    stage.begin()
    left = Left()
    rows = stage.fill(Query, taken(plan, left))
    return stage.finish(rows, left.rows, **{SILENT: left.silent})


@dataclass
class Left:
    """What is not taken: rows, with the reason, and tests that say nothing of a program, of so many questions."""

    rows: list[Rejected] = field(default_factory=list[Rejected])
    silent: int = 0


def taken(plan: Plan, left: Left) -> Iterator[Query]:
    """The questions of a plan's files that it may have."""
    allowed = {each.lower() for each in plan.licences}
    for each in plan.inputs:
        for found in queries(Given(Path(each.path), each.dataset, each.licence, each.form)):
            if isinstance(found, Rejected):
                left.rows.append(found)
            elif allowed and found.origin.licence.lower() not in allowed:
                reason = f"its licence is {found.origin.licence}, which the plan does not have"
                left.rows.append(refused(found, reason))
            elif reason := tests.fault(found.facts):
                left.rows.append(refused(found, reason))
            elif found.facts.tests and tests.script(found.facts) is None:
                left.silent += 1
                yield replace(found, facts=replace(found.facts, tests=""))
            else:
                yield found


def dedup(plan: Plan, before: Stage, stage: Stage) -> Done:
    """Without questions that have the words of an earlier one, or nearly so."""
    stage.begin()
    where: list[str] = []

    def texts() -> Iterator[str]:
        for each in before.rows(Query):
            where.append(each.origin.where)
            said = [each.answer, *(one.content for one in each.later)] if each.record else []
            yield "\n".join([each.text, *said])  # two sessions may begin alike

    found = near.duplicates(texts(), plan.near)
    left_out = np.flatnonzero(~found.kept)
    rejected = [
        refused(each, f"{'the same words as' if found.exact[at] else 'near to'} {where[int(found.group[at])]}")
        for at, each in zip(left_out, stage.sift(before, Query, found.kept.tolist()), strict=True)
    ]
    exact, near_ones = (int(each[left_out].sum()) for each in (found.exact, ~found.exact))
    return stage.finish(len(where) - len(rejected), rejected, exact=exact, near=near_ones)


async def decontaminate(before: Stage, stage: Stage, benchmarks: Sequence[Benchmark], jury: Jury) -> Done:
    """Without rows that may have a benchmark's task in them; those whose own functions pass its tests are said to.

    What was found of each task is beside the parts.
    """
    stage.begin()
    detector = Detector(benchmarks)
    ids: list[str] = []

    def questions() -> Iterator[Query]:
        for each in before.rows(Query):
            ids.append(each.id)
            yield each

    hits = detector.scan(questions())
    suspects = {each: hits[each.id] for each in stage.sift(before, Query, [each not in hits for each in ids])}
    proven = {each.id: found for each, found in (await proof.solved(jury, suspects, benchmarks)).items()}
    rejected = [refused(each, why(found, proven.get(each.id, ()))) for each, found in suspects.items()]
    replace_file(stage.place / COMMON, [json.dumps(sorted(detector.common)).encode()])
    replace_file(stage.place / CONTAMINATION, [json.dumps(_counts(benchmarks, hits, proven), indent=1).encode()])
    return stage.finish(len(ids) - len(rejected), rejected, solved=len(proven))


def _counts(
    benchmarks: Sequence[Benchmark], hits: Mapping[str, Sequence[Hit]], proven: Mapping[str, Sequence[Hit]]
) -> dict[str, dict[str, dict[str, int]]]:
    """How many rows have something of each benchmark in them, and of each of its tasks."""
    tasks = {
        " ".join(task): {
            **found,
            "solved": sum(any((h.benchmark, h.task_id) == task for h in those) for those in proven.values()),
        }
        for task, found in table(hits).items()
    }
    names = [f"{each.name}@{each.version}" for each in benchmarks]
    whole = {
        name: {
            "tasks": len({each.task_id for those in hits.values() for each in those if each.benchmark == name}),
            "rows": sum(any(each.benchmark == name for each in those) for those in hits.values()),
            "solved": sum(any(each.benchmark == name for each in those) for those in proven.values()),
        }
        for name in names
    }
    return {"benchmarks": whole, "tasks": tasks}


def hard(plan: Plan, before: Stage, stage: Stage) -> Done:
    """Questions that are hard enough, and those that nobody judged."""
    stage.begin()
    rejected: list[Rejected] = []

    def left() -> Iterator[Judged]:
        for each in before.rows(Judged):
            if each.hard(plan.least):
                yield each
            else:
                said = ", ".join(str(one.value) for one in each.scores)
                rejected.append(refused(each.query, f"it is not hard enough: {said}"))

    rows = stage.fill(Judged, left())
    return stage.finish(rows, rejected)


def why(hits: Sequence[Hit], proven: Sequence[Hit] = ()) -> str:
    """Why a row is left out that has tasks in it."""
    if proven:
        return f"it passes the tests of {', '.join(dict.fromkeys(each.task_id for each in proven))}"
    said = [
        f"{each.task_id} ({'its function' if each.how == 'function' else f'{each.share:.0%} of its runs of words'})"
        for each in hits
    ]
    return f"it may have {', '.join(said)}"


def _sha256(path: Path) -> str:
    with explained(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reasons(stage: Stage) -> Counter[str]:
    """How many rows a stage refused for which reason, without what differs from row to row."""
    return Counter(each.reason.partition(":")[0].partition(" (")[0] for each in stage.rejected())
