"""A run from its plan to its rows: each stage in turn, those that are done left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from ocinterp import __version__
from ocinterp.errors import UsageError
from ocinterp.problems import Benchmark
from ocinterp.synth import near, sources, stages, verify
from ocinterp.synth import plan as plans
from ocinterp.synth.decontaminate import Detector, Hit, Passage
from ocinterp.synth.desk import Desk
from ocinterp.synth.folder import Done, Stage
from ocinterp.synth.hardness import Judged
from ocinterp.synth.queries import Rejected
from ocinterp.synth.rows import Row

METHODS: Final = ("chat", "similar", "follow-up", "correction", "simulation", "packing")
STAGES: Final = ("ingest", "dedup", "decontaminate", "judge", "hard", *METHODS, "verify", "assemble")


@dataclass(frozen=True, slots=True)
class Course:
    """A run's folder, and what its stages need."""

    folder: Path
    desk: Desk
    benchmarks: Sequence[Benchmark] = ()

    def stage(self, name: str) -> Stage:
        return Stage(self.folder, name)

    async def run(self, until: str = STAGES[-1]) -> list[tuple[str, Done]]:
        """All stages to `until` that are not done, and what each came to. Stops after the one that `desk.stop` breaks off.

        UsageError for a stage that there is not, BudgetExhausted and SandboxError where a run cannot go on.
        """
        if until not in STAGES:
            raise UsageError(f"there is no stage {until!r}: there are {', '.join(STAGES)}")
        found: list[tuple[str, Done]] = []
        for name in STAGES[: STAGES.index(until) + 1]:
            done = self.stage(name).done
            if done is None:
                done = await self._make(name)
                self.desk.watch.end(name, done)
            found.append((name, done))
            if self.stage(name).done is None:
                break
        return found

    async def _make(self, name: str) -> Done:
        stage, plan = self.stage(name), self.desk.plan
        before = self.stage(STAGES[STAGES.index(name) - 1])
        rows = before.done.rows if before.done else 0
        if name not in (*METHODS, "judge", "verify"):  # those say themselves how many rows are theirs
            self.desk.watch.begin(name, rows)
        match name:
            case "ingest":
                return await asyncio.to_thread(sources.ingest, plan, stage)
            case "dedup":
                return await asyncio.to_thread(sources.dedup, plan, before, stage)
            case "decontaminate":
                return await sources.decontaminate(before, stage, self.benchmarks, self.desk.jury)
            case "judge":
                return await stages.judge(self.desk, before, rows, stage)
            case "hard":
                return await asyncio.to_thread(sources.hard, plan, before, stage)
            case "verify":
                return await self._verify(stage)
            case "assemble":
                return await asyncio.to_thread(self._assemble, before, stage)
            case _:
                return await self._by_method(name, stage)

    async def _by_method(self, name: str, stage: Stage) -> Done:
        shares = stages.shares(self.desk, list(self.stage("hard").rows(Judged)))
        match name:
            case "chat":
                return await stages.chat(self.desk, shares.chat, stage)
            case "similar":
                return await stages.similar_problems(self.desk, shares.similar, stage)
            case "follow-up":
                return await stages.follow_ups(self.desk, shares.follow_ups, stage)
            case "correction":
                return await stages.correction(self.desk, shares.correction, stage)
            case "simulation":
                return await stages.simulation(self.desk, shares.simulation, stage)
            case _:
                return await stages.packing(self.desk, shares.packing, stage)

    async def _verify(self, stage: Stage) -> Done:
        """All rows of all methods, by the tests of their questions where there are some."""
        those = [self.stage(name) for name in METHODS]
        questions = stages.tested(self.stage("hard").rows(Judged))
        total = sum(each.done.rows for each in those if each.done)
        return await verify.verify(self.desk, stages.all_rows(those), total, questions, stage)

    def _assemble(self, before: Stage, stage: Stage) -> Done:
        """All rows in one place, but for those that have a benchmark's tasks in them now; of those that are nearly the same dialogue the first."""
        stage.begin()
        rows, rejected = self._clean(list(before.rows(Row)))
        found = near.duplicates(("\n".join(each.content for each in row.messages) for row in rows), _SAME)
        by = {"ocinterp": __version__, "plan": plans.digest(self.desk.plan)}
        kept = [replace(row, cluster=rows[int(at)].id, pipeline=by) for row, at in zip(rows, found.group, strict=True)]
        left = np.nonzero(found.kept)[0].tolist()
        stage.fill(Row, (kept[each] for each in left))
        near_ones = [row for at, row in enumerate(kept) if not found.kept[at]]
        spoilt = len(rejected)
        rejected += [Rejected(row.method, 0, f"near to the row {row.cluster}", row.id) for row in near_ones]
        verified = sum(kept[each].verified for each in left)
        return stage.finish(len(left), rejected, verified=verified, near=len(near_ones), contaminated=spoilt)

    def _clean(self, rows: list[Row]) -> tuple[list[Row], list[Rejected]]:
        """Rows without a benchmark's tasks, each with those that it has a trace of; what a model wrote may have some, though its question had none."""
        if not self.benchmarks:
            return rows, []
        traces: dict[str, tuple[Hit, ...]] = {}
        detector, known = Detector(self.benchmarks), self.stage("decontaminate").place / sources.COMMON
        if known.exists():  # rows are too few to tell which words are everybody's
            detector.common.update(json.loads(known.read_text("utf-8")))
        hits = detector.look(map(_passage, rows), traces)
        rejected = [Rejected(row.method, 0, sources.why(hits[row.id]), row.id) for row in rows if row.id in hits]
        return [replace(row, decontam=traces.get(row.id, ())) for row in rows if row.id not in hits], rejected


def _passage(row: Row) -> Passage:
    return Passage(row.id, "\n".join(each.content for each in row.messages), tuple(each.text for each in row.turns))


_SAME: Final = 0.9  # of the runs of words of two dialogues


def funnel(folder: Path) -> list[tuple[str, Done | None]]:
    """What each stage came to; None for those that are not done."""
    return [(name, Stage(folder, name).done) for name in STAGES]
