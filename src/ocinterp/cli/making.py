"""A dataset from its plan to its rows: models, journal and sandboxes behind the stages, and what is seen of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli import gateway, setup, steps
from ocinterp.cli.casting import Casting
from ocinterp.cli.settings import Settings
from ocinterp.journal import Budget, Journal, JournaledSandbox
from ocinterp.sandboxes.limits import MIB, Resources, Service
from ocinterp.sandboxes.probe import AnySandbox, sandbox_named

if TYPE_CHECKING:
    from ocinterp.synth.again import Ground
    from ocinterp.synth.desk import Desk
    from ocinterp.synth.folder import Done
    from ocinterp.synth.pipeline import Course
    from ocinterp.synth.plan import Plan

_MEMORY_BYTES: Final = 1024 * MIB
_SPARES: Final = 32
_WHAT: Final = {
    "ingest": "rows that are questions", "dedup": "no copies", "decontaminate": "no benchmark's tasks",
    "judge": "scored, where there are models", "hard": "hard enough", "chat": "dialogues that were had", "similar": "similar problems", "follow-up": "follow-ups", "correction": "corrections",
    "simulation": "interactions", "packing": "packs", "verify": "pass their tests, or have none", "assemble": "rows of the dataset",
}  # fmt: skip


@dataclass
class Making:
    """A run that goes on, to the stage `until`."""

    folder: Path
    settings: Settings
    budget: Budget
    until: str
    concurrency: int
    workers: int | None
    batch: bool = False  # requests that can wait go to the Batch API
    gateway: bool = False  # a process of its own asks the servers
    sample: int = 0  # of how many questions rows are made; 0: of all

    async def carry_out(self) -> bool:
        """Make what is not there yet; whether all of it is there now. The journal has what was paid for, whatever happens."""
        from ocinterp.synth import parquet, sample
        from ocinterp.synth import plan as plans
        from ocinterp.synth.pipeline import Course
        from ocinterp.tasks import store

        parquet.check()
        sample.refuse(self.folder)
        plan = plans.load(self.folder)
        text = plans.unchanged(self.folder)
        benchmarks = [store.load(each, self.settings.datasets_folder) for each in plan.benchmarks]
        wish = steps.Wish(told="finishing what is under way; Ctrl-C again ends it at once")
        with wish.heard():
            async with self.desk(plan, wish) as (desk, journal):
                if not self.batch and (count := journal.unfinished("batch")):
                    print(
                        f"ocinterp: {count:,} requests are in batches of an earlier process: they are asked and paid for again; "
                        "with --batch they would be collected",
                        file=sys.stderr,
                    )
                plans.freeze(self.folder, text)  # not before it is known that all who have a part can play it
                course = Course(self.folder, desk, benchmarks)
                if self.sample:
                    course, found = await self._sampled(course)
                else:
                    found = await course.run(self.until)
                print(f"ocinterp: {journal.report()}", file=sys.stderr)
        for line in table(found):
            print(line)
        if wish.made:
            print(f"ocinterp: stopped; `ocinterp synth run {self._again}` goes on", file=sys.stderr)
        return course.stage(self.until).done is not None

    @property
    def _again(self) -> str:
        """The words of the command that goes on."""
        options = {"--batch": self.batch, "--gateway": self.gateway, f"--sample {self.sample}": self.sample}
        return " ".join([str(self.folder), *(name for name, on in options.items() if on)])

    async def _sampled(self, course: Course) -> tuple[Course, list[tuple[str, Done]]]:
        """What comes of some questions, in a run of their own, and what all would cost by that."""
        from ocinterp.synth import sample
        from ocinterp.synth.pipeline import STAGES, Course

        early = STAGES.index(self.until) <= STAGES.index(sample.LAST) if self.until in STAGES else True
        found = await course.run(self.until if early else sample.LAST)
        whole = course.stage(sample.LAST).done
        if early or whole is None:
            return course, found
        drawn, share = await asyncio.to_thread(sample.draw, self.folder, course.desk.plan, self.sample)
        ledger: dict[str, int] = {}
        place = self.folder / sample.FOLDER
        inner = Course(place, replace(course.desk, plan=drawn, ledger=ledger), course.benchmarks)
        found = await inner.run(self.until)
        cost = await asyncio.to_thread(sample.price, self.folder, ledger) / 1e9
        if inner.stage(STAGES[-1]).done is not None:
            about = f"; all {whole.rows:,} at that price: about ${cost / share:,.2f}" if cost else ""
            print(
                f"ocinterp: {round(share * whole.rows):,} questions cost ${cost:,.4f}{about}\n"
                f"ocinterp: `ocinterp synth view {place}` shows rows; `ocinterp synth run {self.folder}` makes the others; "
                "what was asked is not asked again",
                file=sys.stderr,
            )
        return inner, found

    @asynccontextmanager
    async def desk(self, plan: Plan, stop: Callable[[], bool]) -> AsyncGenerator[tuple[Desk, Journal]]:
        """What the stages of a plan need, until the context ends."""
        from ocinterp.cli.watching import Told
        from ocinterp.synth import sample
        from ocinterp.synth.desk import Desk
        from ocinterp.synth.folder import JOURNAL
        from ocinterp.synth.jury import Jury

        workers = setup.workers_of(self.workers)
        cells = _cells(plan, workers, self.concurrency)
        jobs = setup.judging_sandbox(self.settings, plan.sandbox, workers)
        async with AsyncExitStack() as stack:
            journal = await stack.enter_async_context(Journal(self.folder / JOURNAL, budget=self.budget))
            socket = await asyncio.to_thread(gateway.started, self.folder) if self.gateway else None
            cast = Casting(self.folder, plan, self.settings, journal, self.concurrency, socket)
            cast.rows = self.folder / sample.FOLDER if self.sample else self.folder
            await cast.open(stack, batch=self.batch)
            await stack.enter_async_context(cells)
            await stack.enter_async_context(jobs)
            known = {"seconds": plan.timeout_seconds, "memory": _MEMORY_BYTES}
            kept = JournaledSandbox(cells, journal, cells.name, known)
            told = stack.enter_context(Told(lambda: journal.spent, self.budget))
            yield (
                Desk(
                    plan,
                    cast.play,
                    kept,
                    Jury(jobs, workers, journal),
                    self.concurrency,
                    stop,
                    told,
                    patient=cast.play_later if self.batch else None,
                    vectors=cast.vectorizer(stop),
                ),
                journal,
            )


def _cells(plan: Plan, workers: int, at_once: int) -> AnySandbox:
    """Where the programs of models run."""
    resources = Resources(timeout_seconds=plan.timeout_seconds, memory_bytes=_MEMORY_BYTES)
    service = Service(zygotes=workers, sessions=2 * at_once, spares=min(at_once, _SPARES))
    return sandbox_named(plan.sandbox, resources, service=service)


async def ground(stack: AsyncExitStack, folder: Path, plan: Plan, settings: Settings, workers: int) -> Ground:
    """Where rows that are there are run again, as long as the stack is open."""
    from ocinterp.synth.again import Ground
    from ocinterp.synth.folder import Stage
    from ocinterp.synth.hardness import Judged
    from ocinterp.synth.jury import Jury
    from ocinterp.synth.stages import tested

    questions = tested(Stage(folder, "hard").rows(Judged))
    cells = await stack.enter_async_context(_cells(plan, workers, 2 * workers))
    jobs = await stack.enter_async_context(setup.judging_sandbox(settings, plan.sandbox, workers))
    return Ground(cells, Jury(jobs, workers), questions)


def table(found: list[tuple[str, Done]] | list[tuple[str, Done | None]]) -> Iterator[str]:
    """What each stage came to, in lines."""
    from ocinterp.synth.folder import STOPPED

    yield f"{'stage':<14} {'rows':>9} {'refused':>9}"
    for name, done in found:
        if done is None:
            yield f"{name:<14} {'-':>9} {'-':>9}  not yet"
            continue
        numbers = [f"{number:,} {what}" for what, number in done.numbers.items() if number and what != STOPPED]
        more = ", ".join([*numbers, *(["stopped, not all"] if STOPPED in done.numbers else [])])
        yield f"{name:<14} {done.rows:>9,} {done.rejected:>9,}  {_WHAT[name]}{f' ({more})' if more else ''}"
