"""An evaluation under way: every task of a setting is a dialogue of its own, many at once, kept as soon as it ends."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.glued import Glued
from ocinterp.bench.hidden import HiddenTests
from ocinterp.bench.leaks import leaks
from ocinterp.bench.seats import Seat, Setting
from ocinterp.bench.spending import Metered, enough
from ocinterp.errors import OcinterpError, SandboxError
from ocinterp.loop import followed, rollout
from ocinterp.models.refusals import OF_ONE_REQUEST, REFUSED_TOGETHER, RequestRefused
from ocinterp.protocols import Model, Sandbox, ignore
from ocinterp.sandboxes.held import Held
from ocinterp.sandboxes.later import Later
from ocinterp.types import Completion, Event, Message, Source, Task, Trajectory, Usage
from ocinterp.verifiers.court import Court

DIALOGUES = 2  # open at once, for each request that may be
RUNNING = 4  # programs of dialogues at once, for each processor
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

    `model` gives who answers in a setting, for a task and the number of its sample, `again` who answers in place of a program
    that has failed before; `critic` who speaks of a task's answers, `opening` what a dialogue begins with. `provenance` goes
    into every record. At most `concurrency` requests are open at once, and twice as many dialogues, so that a request is never
    kept waiting by a program that runs; of those programs four run at once for each processor.
    """

    court: Court
    sandbox: Sandbox
    model: Callable[[Setting, str, int], Model]
    critic: Callable[[str], Model] | None = None
    provenance: Mapping[str, str] | None = None
    concurrency: int = 64
    opening: Callable[[Task], tuple[Message, ...]] = _prompt
    again: Callable[[str, int], Sequence[Model]] | None = None

    async def evaluate(
        self,
        settings: Sequence[Setting],
        task_ids: Sequence[str],
        *,
        done: Collection[Attempt] = (),
        on_end: Callable[[Ended], None],
    ) -> None:
        """One setting after the other, all tasks of it at once but those that are `done`; of an equal budget last.

        `on_end` hears of each attempt as soon as it ended. After the first ModelError or BudgetExhausted no dialogue is
        begun any more; those under way go on as far as they can, and then it is raised. A request that a server does not
        take (RequestRefused) ends its dialogue, if the server takes others of that setting; else it is raised likewise.
        """
        work = _Work(self, {task_id: HiddenTests(self.court, task_id) for task_id in task_ids}, done, on_end)
        for setting in sorted(settings, key=_rank):
            await work.carry_out(setting, [each for each in settings if each.competes])


def _rank(setting: Setting) -> int:
    """What borrows comes after what it borrows from, and what has an equal budget when it is known what the others cost."""
    return 2 if setting.equal_budget else int(bool(setting.borrows))


class _Work:
    """One evaluation by a desk."""

    def __init__(
        self,
        desk: Desk,
        hidden: Mapping[str, HiddenTests],
        done: Collection[Attempt],
        on_end: Callable[[Ended], None],
    ) -> None:
        self._desk = desk
        self._hidden = hidden
        self._made = {each.key: each for each in done}
        self._on_end = on_end
        self._asking = asyncio.Semaphore(desk.concurrency)
        self._room = asyncio.Semaphore(DIALOGUES * desk.concurrency)
        self._running = asyncio.Semaphore(RUNNING * len(os.sched_getaffinity(0)))
        self._pen = asyncio.Lock()
        self._stopped: list[OcinterpError] = []
        self._model, self._critic = _Asked(), _Asked()
        self._unspoken: set[str] = set()  # tasks of which a critic's server took nothing, in whatever setting

    async def carry_out(self, setting: Setting, refining: Sequence[Setting]) -> None:
        """Make all attempts that are not made yet."""
        made = [each for each in self._made.values() if each.key.setting == setting.name]
        self._model = _Asked(any(each.trajectory.turns for each in made))
        self._critic = _Asked(any(each.critic_tokens.completion_tokens for each in made))
        async with asyncio.TaskGroup() as group:
            for task_id in self._hidden:
                if setting.equal_budget:
                    group.create_task(self._draw(setting, task_id, refining))
                    continue
                for sample in range(setting.samples):
                    group.create_task(self._attempt(setting, Key(setting.name, task_id, sample)))
        self._unspoken |= {attempt.key.task_id for attempt, _ in self._critic.refused}
        several = len(self._unspoken) > 1  # a critic may be asked of one task alone, which may be to blame
        for asked, enough_of_them in ((self._model, True), (self._critic, several)):
            if asked.refused and not asked.taken and enough_of_them:
                self._stopped.append(asked.refused[-1][1])
        if self._stopped:
            raise self._stopped[0]
        for asked in (self._model, self._critic):
            await self._blame(asked)

    async def _draw(self, setting: Setting, task_id: str, refining: Sequence[Setting]) -> None:
        """One answer after the other, until they cost what the others do; none where one of those crashed."""
        found = [self._made.get(Key(each.name, task_id)) for each in refining]
        rivals = [each for each in found if each is not None]
        if len(rivals) < len(found):
            return
        samples: list[Attempt] = []
        while not enough(samples, rivals):
            key = Key(setting.name, task_id, len(samples))
            await self._attempt(setting, key)
            if key not in self._made:
                return
            samples.append(self._made[key])

    async def _attempt(self, setting: Setting, key: Key) -> None:
        """Make an attempt, unless it is made."""
        if key in self._made:
            return
        try:
            with self._hidden[key.task_id] as hidden:
                async with self._room:
                    if self._stopped:
                        return
                    dialogue = await self._dialogue(setting, key, hidden)
                attempt = await self._judged(setting, key, dialogue, hidden)
            self._made[key] = attempt
            await self._keep(attempt, dialogue)
        except SandboxError as error:
            await self._tell(Crash(key, str(error)))
        except OcinterpError as error:
            self._stopped.append(error)

    def _voice(self, setting: Setting, model: Model) -> Model:
        """A model as it is asked in a setting."""
        queued = _Queued(model, self._asking)
        return Glued(queued) if setting.glued else queued

    def _borrowed(self, setting: Setting, task: Task) -> str:
        """What was said first of the next task, in their order, of which something was said; under this one's name."""
        names = list(self._hidden)
        at = names.index(task.id)
        for name in (*names[at + 1 :], *names[:at]) if setting.borrows else ():
            other = self._made.get(Key(setting.borrows, name))
            if other is not None and other.trajectory.turns and other.trajectory.turns[0].feedback:
                words = other.trajectory.turns[0].feedback[0].text
                return re.sub(
                    rf"\b{re.escape(self._hidden[name].problem.task.entry_point)}\b", lambda _: task.entry_point, words
                )
        return ""

    async def _keep(self, attempt: Attempt, dialogue: _Dialogue) -> None:
        """A task is to blame for a refusal where other requests are taken: until one is, nobody is told."""
        for asked, taken in ((self._model, dialogue.model_took), (self._critic, dialogue.critic_took)):
            if taken:
                asked.taken = True
                await self._blame(asked)
        refused, asked = dialogue.refused, self._critic if dialogue.by_critic else self._model
        if refused is None or (dialogue.critic_took if dialogue.by_critic else dialogue.model_took):
            await self._tell(attempt)
            return
        asked.refused.append((attempt, refused))
        if len(asked.refused) >= REFUSED_TOGETHER:
            raise refused

    async def _blame(self, asked: _Asked) -> None:
        """Unless the run ends: then they are asked again by whoever goes on with it."""
        refused, asked.refused = asked.refused, []
        for attempt, _ in refused if not self._stopped else ():
            await self._tell(attempt)

    async def _tell(self, ended: Ended) -> None:
        """In a thread, one after the other: to wait for the disk would hold up all dialogues."""
        async with self._pen:
            await asyncio.to_thread(self._on_end, ended)

    async def _judged(self, setting: Setting, key: Key, dialogue: _Dialogue, hidden: HiddenTests) -> Attempt:
        """The verdicts on the program after each turn. The room is free for others meanwhile."""
        trajectory = dialogue.trajectory
        begun = [replace(trajectory, turns=trajectory.turns[: n + 1]) for n in range(len(trajectory.turns))]
        programs = tuple(setting.program(each, hidden.problem.task.entry_point) for each in begun)
        scored = tuple([await hidden.score(program) for program in programs])
        leaked = leaks_in(trajectory, hidden)
        return Attempt(key, trajectory, scored, leaked, dialogue.unsaid, programs, dialogue.critic_tokens)

    async def _dialogue(self, setting: Setting, key: Key, hidden: HiddenTests) -> _Dialogue:
        task = hidden.problem.task
        desk = self._desk
        origin = {**(desk.provenance or {}), "setting": setting.name, "sample": str(key.sample)}
        so_far = _SoFar(Trajectory(task.id, desk.opening(task), provenance=origin))
        critic = asked = None
        if setting.asks_critic and desk.critic is not None:
            asked = _Queued(desk.critic(task.id), self._asking)
            critic = Metered(asked)
        unsaid, refused = "", None
        again = desk.again(task.id, key.sample) if desk.again else ()
        async with Later(desk.sandbox, self._running).open() as session:
            try:
                trajectory = await rollout(
                    task,
                    model=self._voice(setting, desk.model(setting, task.id, key.sample)),
                    sandbox=Held(session),
                    feedback=setting.feedback(Seat(task, session, hidden, critic, self._borrowed(setting, task))),
                    limits=setting.limits,
                    again=[self._voice(setting, each) for each in again],
                    start=so_far.trajectory,
                    listen=so_far,
                )
            except OF_ONE_REQUEST as error:
                trajectory, unsaid = so_far.trajectory, str(error)
                refused = error if isinstance(error, RequestRefused) else None
        by_critic = refused is not None and asked is not None and asked.refused is refused
        spent, took = (critic.spent, asked.took) if critic and asked else (Usage(), False)
        return _Dialogue(trajectory, unsaid, spent, refused, by_critic, took)


@dataclass
class _Asked:
    """Who is asked in a setting, a model or a critic: whether they took a request, and what they have refused since."""

    taken: bool = False
    refused: list[tuple[Attempt, RequestRefused]] = field(default_factory=list[tuple[Attempt, RequestRefused]])


@dataclass(frozen=True, slots=True)
class _Dialogue:
    """One that is over; `unsaid` is why it was not ended, where that is so, `refused` whoever was asked, the critic or the model."""

    trajectory: Trajectory
    unsaid: str
    critic_tokens: Usage
    refused: RequestRefused | None
    by_critic: bool
    critic_took: bool

    @property
    def model_took(self) -> bool:
        return bool(self.trajectory.turns) or self.refused is None or self.by_critic


@dataclass(slots=True)
class _Queued:
    """A model that is asked when there is room for one more request; whether it took one, and which it did not."""

    model: Model
    room: asyncio.Semaphore
    took: bool = False
    refused: RequestRefused | None = None

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        async with self.room:
            try:
                completion = await self.model.generate(messages, on_text=on_text)
            except RequestRefused as error:
                self.refused = error
                raise
            self.took = True
            return completion


class _SoFar:
    """The part of a dialogue that is over, for when the rest never comes."""

    def __init__(self, start: Trajectory) -> None:
        self.trajectory = start

    def __call__(self, event: Event, /) -> None:
        self.trajectory = followed(self.trajectory, event)


def leaks_in(trajectory: Trajectory, hidden: HiddenTests) -> int:
    """Runs of the solution's tokens in what critics said, beyond those of the task and of the answers before."""
    said = [each.text for turn in trajectory.turns for each in turn.feedback if each.source in _CRITICS]
    known = [*(message.content for message in trajectory.prompt), hidden.problem.stem]
    answers = [turn.completion.text for turn in trajectory.turns[:-1]]
    return leaks(hidden.problem.reference, "\n".join(said), *known, *answers) if said else 0
