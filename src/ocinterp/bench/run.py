"""An evaluation under way: every task of a setting is a dialogue of its own, many at once, kept as soon as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.hidden import HiddenTests
from ocinterp.bench.leaks import leaks
from ocinterp.bench.settings import Seat, Setting
from ocinterp.errors import OcinterpError, SandboxError
from ocinterp.loop import rollout
from ocinterp.models.refusals import ContextOverflow, EmptyAnswer
from ocinterp.protocols import Model, Sandbox, ignore
from ocinterp.sandboxes.held import Held
from ocinterp.types import Completion, Event, FeedbackEvent, Message, Source, Task, Trajectory, TurnEvent
from ocinterp.verifiers.court import Court

DIALOGUES = 2  # open at once, for each request that may be
_CRITICS = {Source.SIMULATED_HUMAN, Source.ORACLE}


@dataclass(frozen=True, slots=True)
class Crash:
    """An attempt that the sandbox failed on: nobody knows what it was worth, and a later run tries it again."""

    key: Key
    reason: str


Ended = Attempt | Crash


def _prompt(task: Task) -> tuple[Message, ...]:
    return task.prompt


@dataclass(frozen=True)
class Desk:
    """What an evaluation is done with.

    `model` gives who answers in a setting, for a task and the number of its sample; `critic` who speaks of a task's
    answers, `opening` what a dialogue begins with. `provenance` goes into every record. At most `concurrency` requests are open at once, and twice as many
    dialogues, so that a request is never kept waiting by a program that runs.
    """

    court: Court
    sandbox: Sandbox
    model: Callable[[Setting, str, int], Model]
    critic: Callable[[str], Model] | None = None
    provenance: Mapping[str, str] | None = None
    concurrency: int = 64
    opening: Callable[[Task], tuple[Message, ...]] = _prompt

    async def evaluate(
        self,
        settings: Sequence[Setting],
        task_ids: Sequence[str],
        *,
        done: Collection[Key] = (),
        on_end: Callable[[Ended], None],
    ) -> None:
        """One setting after the other, all tasks of it at once but those that are `done`.

        `on_end` hears of each attempt as soon as it ended. After the first ModelError or BudgetExhausted no dialogue is
        begun any more; those under way go on as far as they can, and then it is raised.
        """
        work = _Work(self, {task_id: HiddenTests(self.court, task_id) for task_id in task_ids}, on_end)
        for setting in settings:
            keys = [Key(setting.name, task_id, n) for task_id in task_ids for n in range(setting.samples)]
            await work.carry_out(setting, [key for key in keys if key not in done])


class _Work:
    """One evaluation by a desk."""

    def __init__(self, desk: Desk, hidden: Mapping[str, HiddenTests], on_end: Callable[[Ended], None]) -> None:
        self._desk = desk
        self._hidden = hidden
        self._on_end = on_end
        self._asking = asyncio.Semaphore(desk.concurrency)
        self._room = asyncio.Semaphore(DIALOGUES * desk.concurrency)
        self._pen = asyncio.Lock()
        self._stopped: list[OcinterpError] = []

    async def carry_out(self, setting: Setting, keys: Sequence[Key]) -> None:
        """Make all these attempts."""
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(self._attempt(setting, key))
        if self._stopped:
            raise self._stopped[0]

    async def _attempt(self, setting: Setting, key: Key) -> None:
        try:
            with self._hidden[key.task_id] as hidden:
                async with self._room:
                    if self._stopped:
                        return
                    dialogue = await self._dialogue(setting, key, hidden)
                attempt = await self._judged(setting, key, dialogue, hidden)
            await self._tell(attempt)
        except SandboxError as error:
            await self._tell(Crash(key, str(error)))
        except OcinterpError as error:
            self._stopped.append(error)

    async def _tell(self, ended: Ended) -> None:
        """In a thread, one after the other: to wait for the disk would hold up all dialogues."""
        async with self._pen:
            await asyncio.to_thread(self._on_end, ended)

    async def _judged(
        self, setting: Setting, key: Key, dialogue: tuple[Trajectory, str], hidden: HiddenTests
    ) -> Attempt:
        """The verdicts on the program after each turn. The room is free for others meanwhile."""
        trajectory, unsaid = dialogue
        begun = [replace(trajectory, turns=trajectory.turns[: n + 1]) for n in range(len(trajectory.turns))]
        programs = tuple(setting.program(each, hidden.problem.task.entry_point) for each in begun)
        scored = tuple([await hidden.score(program) for program in programs])
        return Attempt(key, trajectory, scored, leaks_in(trajectory, hidden), unsaid, programs)

    async def _dialogue(self, setting: Setting, key: Key, hidden: HiddenTests) -> tuple[Trajectory, str]:
        """The dialogue, and why the model did not end it, where that is so."""
        task = hidden.problem.task
        desk = self._desk
        origin = {**(desk.provenance or {}), "setting": setting.name, "sample": str(key.sample)}
        so_far = _SoFar(Trajectory(task.id, desk.opening(task), provenance=origin))
        critic = desk.critic(task.id) if setting.asks_critic and desk.critic is not None else None
        seat_critic = None if critic is None else _Queued(critic, self._asking)
        async with desk.sandbox.open() as session:
            try:
                trajectory = await rollout(
                    task,
                    model=_Queued(desk.model(setting, task.id, key.sample), self._asking),
                    sandbox=Held(session),
                    feedback=setting.feedback(Seat(task, session, hidden, seat_critic)),
                    limits=setting.limits,
                    start=so_far.trajectory,
                    listen=so_far,
                )
            except (EmptyAnswer, ContextOverflow) as error:
                return so_far.trajectory, str(error)
        return trajectory, ""


@dataclass(frozen=True, slots=True)
class _Queued:
    """A model that is asked when there is room for one more request."""

    model: Model
    room: asyncio.Semaphore

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        async with self.room:
            return await self.model.generate(messages, on_text=on_text)


class _SoFar:
    """The part of a dialogue that is over, for when the rest never comes."""

    def __init__(self, start: Trajectory) -> None:
        self.trajectory = start

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, TurnEvent):
            self.trajectory = self.trajectory.plus(event.turn)
        elif isinstance(event, FeedbackEvent):
            self.trajectory = self.trajectory.answered(event.feedback)


def leaks_in(trajectory: Trajectory, hidden: HiddenTests) -> int:
    """Runs of the solution's tokens in what critics said, beyond those of the task and of the answers before."""
    said = [each.text for turn in trajectory.turns for each in turn.feedback if each.source in _CRITICS]
    known = [*(message.content for message in trajectory.prompt), hidden.problem.stem]
    answers = [turn.completion.text for turn in trajectory.turns[:-1]]
    return leaks(hidden.problem.reference, "\n".join(said), *known, *answers) if said else 0
