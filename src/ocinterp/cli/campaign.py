"""An evaluation from its command line to its table: models, journal, sandbox, court, and what is kept of them."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ocinterp import __version__
from ocinterp.bench import board, conv, recorded
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.numbers import Suite
from ocinterp.bench.recorded import Archive
from ocinterp.bench.results import Dataset
from ocinterp.bench.rule import Rule
from ocinterp.bench.run import DIALOGUES, Desk
from ocinterp.bench.settings import PAPER_TURNS, Setting, chosen
from ocinterp.cli import setup
from ocinterp.cli.clients import Clients, Source
from ocinterp.cli.kept import Kept
from ocinterp.cli.settings import Settings
from ocinterp.errors import UsageError
from ocinterp.journal import FREE, UNLIMITED, Budget, Journal, Price
from ocinterp.models.batched import OTHERS
from ocinterp.models.resolve import Person, Replay, resolve
from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.protocols import Model
from ocinterp.sandboxes.limits import MIB, Resources, Service
from ocinterp.sandboxes.probe import AnySandbox, sandbox_named
from ocinterp.tasks import store
from ocinterp.verifiers import court
from ocinterp.verifiers.oracle import PROFILES, Profile

Critic = Source | Rule

_CELL_SECONDS = 10.0
_CELL_MEMORY_BYTES = 1024 * MIB
_REDRAWN = 1_000_000  # the first number of answers that are drawn anew: far from those of samples
_MOST_SPARES = 32  # interpreters forked while the first answers are awaited
_BUDGET = re.compile(r"\$?(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>dollars?|tokens?|calls?|)")


def budget_of(text: str | None) -> Budget:
    """`5`, `$5`, `5 dollars`, `200000 tokens`, `500 calls`. UsageError for anything else."""
    if text is None:
        return UNLIMITED
    found = _BUDGET.fullmatch(text.strip().lower())
    unit = found["unit"].rstrip("s") if found else ""
    if found is None or (unit in {"token", "call"} and "." in found["number"]):
        raise UsageError(f"--budget wants dollars, tokens or calls, as in 5, 200000tokens or 500calls, not {text!r}")
    if unit in {"", "dollar"}:
        return Budget(dollars=found["number"])
    return Budget(tokens=int(found["number"])) if unit == "token" else Budget(calls=int(found["number"]))


def price_of(text: str | None) -> Price:
    """`2.5,10`: dollars for a million tokens of prompts and of answers. UsageError for anything else."""
    if text is None:
        return FREE
    prompt, comma, completion = text.partition(",")
    if not comma:
        raise UsageError(f"a price is of prompts and of answers, as in 2.5,10, not {text!r}")
    return Price(prompt.strip(), completion.strip())


def profile_of(text: str) -> Profile:
    """One of the profiles under which answers are compared. UsageError for anything else."""
    for each in PROFILES:
        if each == text:
            return each
    raise UsageError(f"there is no profile {text!r}; expected one of {', '.join(PROFILES)}")


@dataclass(frozen=True, slots=True)
class Warmth:
    """Temperatures: of answers, of those of `resample`, and of what is drawn in place of a program that has failed (None: nothing is)."""

    temperature: float
    spread: float
    again: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What was asked for on the command line."""

    settings: Settings
    bench: str
    model: str | None
    names: tuple[str, ...]
    critic: str | None
    limit: int | None
    turns: int | None
    glued: bool
    warmth: Warmth
    max_tokens: int
    profile: Profile
    concurrency: int
    workers: int | None
    budget: Budget
    price: Price
    critic_price: Price
    resume: bool
    file: Path | None
    sandbox: str | None

    async def carry_out(self) -> Evaluation:
        """Evaluate, and print the table. What has ended is kept whatever happens, and its numbers are written."""
        setup.workers_of(self.workers)  # known now, not after the first answers
        benchmark = store.load(self.bench, self.settings.datasets_folder)
        setup.warn_of_forgery(benchmark)
        source = await self._source(self.model, benchmark)
        if isinstance(source, Archive):
            if self.glued:
                raise UsageError("what was recorded is given again as it was: --glued is for a model that is asked")
            if self.warmth.again is not None:
                raise UsageError("what was recorded is given again as it was: --again is for a model that is asked")
            task_ids, settings, critic = source.task_ids[: self.limit], source.settings, None
        else:
            task_ids = tuple(benchmark.problems)[: self.limit]
            suites = _suites(benchmark.problems, task_ids)
            settings = chosen(
                self.names,
                turns=self.turns or PAPER_TURNS,
                conv_turns=self.turns or conv.TURNS,
                temperature=self.warmth.spread,
                suites=suites,
                glued=self.glued,
            )
            critic = await self._critic(settings, benchmark)
            self._check_prices(critic)
        origin = self._origin(benchmark, source.name, critic)
        dataset = Dataset.of(benchmark)
        kept = Kept(self.file or self._default_file(benchmark, source.name), dataset, origin, settings, task_ids)
        kept.price, kept.critic_price = self.price, self.critic_price
        kept.archive = source if isinstance(source, Archive) else None
        await self._fill(kept, benchmark, source, critic)
        found = kept.evaluation()
        setup.console().print(board.render(found))
        return found

    async def _fill(self, kept: Kept, benchmark: Benchmark, source: Source | Archive, critic: Critic | None) -> None:
        """Make the attempts that are not there yet."""
        kept.begin(resume=self.resume)
        try:
            with kept.shown() as progress:
                async with self._desk(benchmark, source, critic, kept, progress) as desk:
                    _check_judges(desk.court, kept.task_ids)
                    if isinstance(source, Archive):
                        await source.give_again(desk, kept.task_ids, done=kept.made, on_end=kept.hear)
                        kept.explained = await source.explained(desk.court, kept.made)
                    else:
                        await desk.evaluate(kept.settings, kept.task_ids, done=kept.made, on_end=kept.hear)
        finally:
            kept.finish()

    async def _source(self, name: str | None, benchmark: Benchmark) -> Source | Archive:
        """Who answers: a model, or what was recorded."""
        choice = await resolve(name, config=self.settings.config, environ=self.settings.environ)
        print(f"ocinterp: {choice.line}", file=sys.stderr)
        if isinstance(choice.model, Replay):
            found = recorded.gather(choice.model.path, benchmark)
            if not found.task_ids:
                raise UsageError(f"{choice.model.path}: no task is in each of its {len(found.recordings)} files")
            if found.unknown:
                print(
                    f"ocinterp: {found.unknown} records are about no task of {self.bench}, or one that another file lacks",
                    file=sys.stderr,
                )
            return found
        if isinstance(choice.model, Person):
            raise UsageError("many tasks are asked at once, which takes a model: --model NAME@URL, pocket or hf:NAME")
        return choice.model

    async def _critic(self, settings: tuple[Setting, ...], benchmark: Benchmark) -> Critic | None:
        asking = next((each.name for each in settings if each.asks_critic), None)
        if asking is None:
            return None
        if self.critic is None:
            rule = ", or rule" if benchmark.name == Rule.benchmark else ""
            raise UsageError(f"{asking} needs somebody to look at the answers: --critic MODEL{rule}")
        if self.critic == Rule.name:
            if benchmark.name != Rule.benchmark:
                raise UsageError(f"--critic rule knows what is meant in {Rule.benchmark} alone: name a model")
            return Rule()
        choice = await resolve(self.critic, config=self.settings.config, environ=self.settings.environ)
        if isinstance(choice.model, Person | Replay):
            raise UsageError("a critic is asked about many tasks at once, which takes a model: NAME@URL, or hf:NAME")
        return choice.model

    def _check_prices(self, critic: Critic | None) -> None:
        """Without a price nothing costs dollars, and a budget of them would bound nothing."""
        if self.budget.dollars is None:
            return
        if not self.price:
            raise UsageError("a budget in dollars needs --price IN,OUT; or give one in tokens or calls")
        if critic is not None and not isinstance(critic, Rule) and not self.critic_price:
            raise UsageError("a budget in dollars needs --critic-price IN,OUT too; or give one in tokens or calls")

    def _origin(self, benchmark: Benchmark, model: str, critic: Critic | None) -> dict[str, str]:
        """What all records of the run have in common, and a run that goes on must have too."""
        return {
            "model": model,
            "critic": critic.name if critic else "",
            "benchmark": f"{benchmark.name}@{benchmark.version}",
            "md5": benchmark.md5,
            "profile": self.profile,
            "turns": str(self.turns or PAPER_TURNS),
            "conv_turns": str(self.turns or conv.TURNS),
            "form": "glued" if self.glued else "chat",
            "temperature": f"{self.warmth.temperature:g}",
            "spread": f"{self.warmth.spread:g}",
            "again": "never" if self.warmth.again is None else f"{self.warmth.again:g}",
            "max_tokens": str(self.max_tokens),
            "version": __version__,
        }

    def _default_file(self, benchmark: Benchmark, model: str) -> Path:
        name = re.sub(r"[^A-Za-z0-9.+-]+", "-", f"{benchmark.name}-{model}").strip("-.")
        return self.settings.data_folder / "evaluations" / f"{name}.json"

    @asynccontextmanager
    async def _desk(
        self,
        benchmark: Benchmark,
        source: Source | Archive,
        critic: Critic | None,
        kept: Kept,
        on_reference: Callable[[str], None],
    ) -> AsyncGenerator[Desk]:
        """Everything that is open while the evaluation runs. `on_reference` hears of references that had to be run."""
        workers = setup.workers_of(self.workers)
        async with AsyncExitStack() as stack:
            cells, jobs = self._cells(workers), setup.judging_sandbox(self.settings, self.sandbox, workers)
            if isinstance(source, Archive):
                desk = partial(Desk, model=source.model)
            else:
                desk = await self._asking(stack, source, critic, kept)
            await stack.enter_async_context(cells)
            await stack.enter_async_context(jobs)
            bench = await court.convene(
                jobs, benchmark, self.settings.expected_folder, (self.profile,), workers=workers, on_task=on_reference
            )
            origin = {**kept.origin, "sandbox": cells.name, "network": cells.network}
            yield desk(bench, cells, provenance=origin, concurrency=self.concurrency)

    async def _asking(
        self, stack: AsyncExitStack, source: Source, critic: Critic | None, kept: Kept
    ) -> Callable[..., Desk]:
        """A desk at which models are asked, and paid through the journal."""
        journal = await stack.enter_async_context(Journal(kept.journal, budget=self.budget))
        clients = await stack.enter_async_context(Clients(journal, self.max_tokens, self.concurrency))
        warmth = self.warmth
        await clients.open(
            source, {each for each in (warmth.temperature, warmth.spread, warmth.again) if each is not None}
        )
        advisor = source if critic is None or isinstance(critic, Rule) else critic
        await clients.open(advisor, {0.0})

        def model(setting: Setting, task_id: str, sample: int) -> Model:
            heat = warmth.temperature if setting.temperature is None else setting.temperature
            return clients.paid(source, heat, self.price, task_id, sample)

        def again(task_id: str, sample: int) -> list[Model]:
            if warmth.again is None:
                return []
            first = _REDRAWN + OTHERS * sample
            numbers = range(first, first + OTHERS)
            return [clients.paid(source, warmth.again, self.price, task_id, each, kind="again") for each in numbers]

        def speaker(task_id: str) -> Model:
            return clients.paid(advisor, 0.0, self.critic_price, task_id, kind="critic")

        if isinstance(critic, Rule):
            return partial(Desk, model=model, again=again, critic=critic.critic)
        return partial(Desk, model=model, again=again, critic=speaker if critic else None)

    @property
    def _tier(self) -> str:
        return self.sandbox or self.settings.get("sandbox", "auto")

    def _cells(self, workers: int) -> AnySandbox:
        """Where the cells of the model's answers run."""
        resources = Resources(timeout_seconds=_CELL_SECONDS, memory_bytes=_CELL_MEMORY_BYTES)
        service = Service(
            zygotes=workers,
            sessions=DIALOGUES * self.concurrency,
            spares=min(self.concurrency, _MOST_SPARES),
        )
        return sandbox_named(self._tier, resources, service=service)


def _suites(problems: Mapping[str, Problem], task_ids: Sequence[str]) -> tuple[Suite, ...]:
    tests = [problems[each].tests for each in task_ids]
    return ("base", "plus") if any(isinstance(each, Calls) and each.plus for each in tests) else ("base",)


def _check_judges(bench: court.Court, task_ids: Sequence[str]) -> None:
    """Raise UsageError for tasks whose tests cannot be read, before a model is paid for them."""
    for each in task_ids:
        bench.of(each)
