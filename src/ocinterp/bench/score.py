"""Scoring: all samples of a run judged, identical programs once, each verdict kept as soon as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ocinterp.bench import identity, verdicts
from ocinterp.bench.results import Dataset, Differing, Judged, Score
from ocinterp.bench.samples import Irregularities, Sample
from ocinterp.bench.verdicts import Verdicts
from ocinterp.errors import SandboxError
from ocinterp.journal import Done, Journal, Request
from ocinterp.types import Status, Verdict
from ocinterp.verifiers.court import Court
from ocinterp.verifiers.judge import Judge, Judgements
from ocinterp.verifiers.oracle import Profile
from ocinterp.verifiers.running import side_by_side
from ocinterp.verifiers.scripts import ScriptJudge

_AHEAD = 2  # programs of one task that are under way, whatever the number of workers


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
    programs: dict[str, dict[str, str]] = {}  # by task and digest
    order: dict[str, list[str]] = {task_id: [] for task_id in court.benchmark.problems}
    for sample in samples:
        digest = identity.digest(sample)
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
    by_task = {task_id: [found[task_id, digest] for digest in digests] for task_id, digests in order.items()}
    return _score(court, by_task, irregularities())


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
        verdicts.check(judgements.values())
        return Done(verdicts.dumps(judgements))

    content = {"text": court.benchmark.md5, "task": judge.problem.task.id, "program": digest, "fast": fast}
    settings = {"version": verdicts.VERSION, "profiles": list(court.profiles)}
    try:
        answer = await journal.once(Request("verdict", "judge", content, settings), act)
        found = verdicts.loads(answer)
    except SandboxError:  # our own, raised so that the journal does not keep it
        found = verdicts.loads(verdicts.dumps(judgements))
    progress.add(kept=kept)
    return found


def _score(court: Court, by_task: Mapping[str, list[Verdicts]], irregularities: Irregularities) -> Score:
    benchmark, first, *others = court.benchmark, *court.profiles
    return Score(
        Dataset.of(benchmark),
        first,
        {task_id: tuple(_as_judged(each[first]) for each in found) for task_id, found in by_task.items()},
        irregularities,
        tuple(
            difference
            for other in others
            for task_id, found in by_task.items()
            for index, each in enumerate(found)
            for difference in _differing(task_id, index, each, first, other)
        ),
    )


def _as_judged(sets: tuple[Verdict, ...]) -> Judged:
    why = next((each.detail for each in sets if each.status == Status.SANDBOX_FAILURE), "")
    return Judged(sets[0].status, sets[1].status if len(sets) > 1 else None, why)


def _differing(task_id: str, index: int, found: Verdicts, first: str, other: Profile) -> Iterable[Differing]:
    """Where one profile passes a set and the other does not; how it fails is no difference."""
    for suite, one, two in zip(("base", "plus"), found[first], found[other], strict=False):
        if (one.status == Status.PASS) != (two.status == Status.PASS):
            why = one.detail or two.detail
            yield Differing(task_id, index, suite, other, Status(one.status), Status(two.status), why)
