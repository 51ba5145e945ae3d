"""Scoring: all samples of a run judged, identical programs once, each verdict kept as soon as it is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from ocinterp.bench.identity import identity
from ocinterp.bench.results import Dataset, Differing, Judged, Score
from ocinterp.bench.samples import Irregularities, Sample
from ocinterp.errors import SandboxError
from ocinterp.journal import Done, Journal, Request
from ocinterp.types import Status
from ocinterp.verifiers.court import Court
from ocinterp.verifiers.judge import Judge, Judgement, Judgements, Tally
from ocinterp.verifiers.oracle import Profile
from ocinterp.verifiers.running import side_by_side
from ocinterp.verifiers.scripts import ScriptJudge

VERSION = 1  # of the judge: what was judged by another is judged again
_AHEAD = 2  # programs of one task that are under way, whatever the number of workers


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one set of tests came out under one profile."""

    status: Status
    passed: int
    total: int
    detail: str = ""


Verdicts = Mapping[str, tuple[Verdict, ...]]  # by profile: base, then plus where there is one


@dataclass
class Progress:
    """What `score` tells while it works: `programs` are distinct ones."""

    programs: int = 0
    judged: int = 0
    kept: int = 0  # of them, from an earlier run
    listen: Callable[[Progress], None] = field(default=lambda _: None)

    def add(self, *, kept: bool) -> None:
        self.judged += 1
        self.kept += kept
        self.listen(self)


async def score(
    court: Court,
    samples: Iterable[Sample],
    irregularities: Callable[[], Irregularities],
    *,
    journal: Journal,
    fast: bool = False,
    progress: Progress | None = None,
    concurrency: int = 4,
) -> Score:
    """The score under the court's first profile, with the samples on which its others differ.

    `irregularities` is asked once the samples have been read. What `journal` holds is not judged again; a sandbox that
    fails leaves its sample without a verdict, and is asked again by the next run.
    """
    programs: dict[str, dict[str, str]] = {}  # by task and identity
    order: dict[str, list[str]] = {task_id: [] for task_id in court.benchmark.problems}
    for sample in samples:
        digest = identity(sample).digest
        programs.setdefault(sample.task_id, {}).setdefault(digest, sample.program)
        order[sample.task_id].append(digest)
    found: dict[tuple[str, str], Verdicts] = {}
    progress = progress or Progress()
    progress.programs = sum(map(len, programs.values()))
    room = asyncio.Semaphore(concurrency)

    async def task(task_id: str) -> None:
        async with room:
            with court.of(task_id) as judge:
                inner = asyncio.Semaphore(_AHEAD)

                async def one(digest: str, program: str) -> None:
                    async with inner:
                        found[task_id, digest] = await _judged(court, judge, digest, program, journal, fast, progress)

                await side_by_side(one(*each) for each in programs[task_id].items())

    await side_by_side(task(task_id) for task_id in sorted(programs, key=court.seconds, reverse=True))
    verdicts = {task_id: [found[task_id, digest] for digest in digests] for task_id, digests in order.items()}
    return _score(court, verdicts, irregularities())


async def _judged(
    court: Court,
    judge: Judge | ScriptJudge,
    digest: str,
    program: str,
    journal: Journal,
    fast: bool,
    progress: Progress,
) -> Verdicts:
    kept = True
    judgements: Judgements = {}

    async def act() -> Done:
        nonlocal kept, judgements
        kept = False
        judgements = await judge.judge(program, fast=fast)
        for each in judgements.values():
            for tally in each.sets:
                if tally.failure is not None and tally.failure.status is Status.SANDBOX_FAILURE:
                    raise SandboxError(tally.failure.detail)
        return Done(_dumps(judgements))

    content = {"text": court.benchmark.md5, "task": judge.problem.task.id, "program": digest, "fast": fast}
    settings = {"version": VERSION, "profiles": list(court.profiles)}
    try:
        answer = await journal.once(Request("verdict", "judge", content, settings), act)
        verdicts = _loads(answer)
    except SandboxError:  # our own, raised so that the journal does not keep it
        verdicts = _loads(_dumps(judgements))
    progress.add(kept=kept)
    return verdicts


def _score(court: Court, verdicts: Mapping[str, list[Verdicts]], irregularities: Irregularities) -> Score:
    benchmark, first, *others = court.benchmark, *court.profiles
    return Score(
        Dataset(benchmark.name, benchmark.version, benchmark.md5, benchmark.known),
        first,
        {task_id: tuple(_as_judged(each[first]) for each in found) for task_id, found in verdicts.items()},
        irregularities,
        tuple(
            difference
            for other in others
            for task_id, found in verdicts.items()
            for index, each in enumerate(found)
            for difference in _differing(task_id, index, each, first, other)
        ),
    )


def _as_judged(sets: tuple[Verdict, ...]) -> Judged:
    return Judged(sets[0].status, sets[1].status if len(sets) > 1 else None)


def _differing(task_id: str, index: int, found: Verdicts, first: str, other: Profile) -> Iterable[Differing]:
    """Where one profile passes a set and the other does not; how it fails is no difference."""
    for suite, one, two in zip(("base", "plus"), found[first], found[other], strict=False):
        if (one.status is Status.PASS) != (two.status is Status.PASS):
            yield Differing(task_id, index, suite, other, one.status, two.status, one.detail or two.detail)


def _dumps(judgements: Judgements) -> str:
    return json.dumps({profile: _row(each) for profile, each in judgements.items()})


def _row(judgement: Judgement) -> list[list[object]]:
    return [[tally.status, tally.passed, tally.total, _detail(tally)] for tally in judgement.sets]


def _detail(tally: Tally) -> str:
    text = "" if tally.failure is None else f"test {tally.failure.number}: {tally.failure.detail}"
    return text.encode("utf-8", "backslashreplace").decode()


def _loads(answer: str) -> Verdicts:
    rows = cast("dict[str, list[tuple[str, int, int, str]]]", json.loads(answer))
    return {
        profile: tuple(Verdict(Status(status), passed, total, detail) for status, passed, total, detail in sets)
        for profile, sets in rows.items()
    }
