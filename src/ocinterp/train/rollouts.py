"""Groups of dialogues about the same tasks: the loop of this package, with a policy as its model, and what came of them.

Feedback is of the visible tests, and the reward of the hidden ones, judged outside the process that ran the program. A
dialogue that the sandbox failed on has no reward: it is left out, and counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from ocinterp.errors import SandboxError
from ocinterp.feedback import VisibleTests, failures, first_of
from ocinterp.feedback.paper import PaperReport
from ocinterp.jobs import Jobs
from ocinterp.loop import Limits, followed, rollout
from ocinterp.models.refusals import ContextOverflow
from ocinterp.problems import Problem
from ocinterp.protocols import FeedbackProvider, Model, Sandbox, Session
from ocinterp.sandboxes.held import Held
from ocinterp.train.episodes import Episode, program
from ocinterp.train.exercises import Exercises
from ocinterp.train.recipe import Practice
from ocinterp.types import Event, Feedback, StopReason, Task, Trajectory, Turn
from ocinterp.verifiers import court
from ocinterp.verifiers.running import side_by_side

_OFFERED: Final = 3  # first answers for each group that is to begin after one that failed
_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]{6,}")


class Seat(Model, Protocol):
    """Who answers in one dialogue; it has to leave when that is over."""

    def leave(self) -> None: ...


class Round(Protocol):
    """Seats for dialogues that are held at the same time."""

    @property
    def seats(self) -> Sequence[Seat]: ...

    async def serve(self) -> None:
        """Answer, until all have left."""
        ...


Rounds = Callable[[Sequence[str]], Round]  # with a seat for each of the seeds


@dataclass(frozen=True, slots=True)
class Grounds:
    """Where cells run, and where programs are judged, so many at once."""

    cells: Sandbox
    jobs: Jobs
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Dialogues about one task, and how many were lost to the sandbox. `start`: the failed answer that they begin after."""

    problem: Problem
    start: Trajectory | None
    episodes: tuple[Episode, ...]
    lost: int = 0


@dataclass
class Clock:
    """Seconds that were spent on what, by the wall."""

    spent: dict[str, float] = field(default_factory=dict[str, float])

    def add(self, name: str, since: float) -> None:
        self.spent[name] = self.spent.get(name, 0.0) + time.perf_counter() - since


@dataclass(frozen=True, slots=True)
class Practising:
    """Everything that the dialogues of a run have in common."""

    exercises: Exercises
    grounds: Grounds
    practice: Practice

    async def groups(self, rounds: Rounds, seed: str, clock: Clock) -> list[Group]:
        """All groups of a step. Fewer, where first answers to begin after did not fail. Raises SandboxError if most are lost."""
        practice = self.practice
        first, offered = sizes(practice)
        plans = [(each, None) for each in self.exercises.drawn(f"{seed} whole", first)]
        plans += await self._starts(rounds, f"{seed} second", offered, clock)
        plays = [_Play(*plan, number) for number, plan in enumerate(plans) for _ in range(practice.dialogues)]
        seeds = [f"{seed} {number}" for number in range(len(plays))]
        await self._play(plays, rounds(seeds), practice.turns, clock)
        began = time.perf_counter()
        solved = await self._verdicts(plays)
        clock.add("judging", began)
        found = [_group(number, *plan, plays, solved) for number, plan in enumerate(plans)]
        lost = sum(group.lost for group in found)
        if 2 * lost > len(plays):
            why = next((play.lost for play in plays if play.lost), "no verdict could be had")
            raise SandboxError(f"{lost} of {len(plays)} dialogues of a step were lost to the sandbox: {why}")
        return found

    async def _starts(
        self, rounds: Rounds, seed: str, offered: int, clock: Clock
    ) -> list[tuple[Problem, Trajectory | None]]:
        """Tasks with an answer of the policy's own that failed, and what was said of it."""
        if not offered:
            return []
        tasks = self.exercises.drawn(seed, offered, hard=True)
        plays = [_Play(each, None, number) for number, each in enumerate(tasks)]
        await self._play(plays, rounds([f"{seed} {number}" for number in range(len(plays))]), 1, clock)
        failed = [(each.problem, each.trajectory) for each in plays if not each.lost and _refused(each.trajectory)]
        return list(failed[: offered // _OFFERED])

    async def _play(self, plays: Sequence[_Play], round_: Round, turns: int, clock: Clock) -> None:
        """All of them at the same time."""
        began = time.perf_counter()
        dialogues = [self._dialogue(play, seat, Limits(turns)) for play, seat in zip(plays, round_.seats, strict=True)]
        await side_by_side([round_.serve(), *dialogues])
        clock.add("playing", began)

    async def _dialogue(self, play: _Play, seat: Seat, limits: Limits) -> None:
        task = play.problem.task
        try:
            async with self.grounds.cells.open() as session:
                await rollout(
                    task,
                    model=seat,
                    sandbox=Held(session),
                    feedback=_steady(self._feedback(session, play)),
                    limits=limits,
                    start=play.trajectory,
                    listen=play,
                )
        except ContextOverflow:
            pass  # it ends with what was said before
        except SandboxError as error:
            play.lost = str(error)
        finally:
            seat.leave()

    def _feedback(self, session: Session, play: _Play) -> FeedbackProvider:
        report = self.practice.report
        if report == "paper" or (report == "both" and play.group % 2):
            return first_of(PaperReport(session), failures)
        return first_of(failures, VisibleTests(session))

    async def _verdicts(self, plays: Sequence[_Play]) -> Mapping[tuple[int, str], bool]:
        """Whether the tests of a group's task hold of a program, for all that might; what is not in it is not known."""
        problems = {str(play.group): play.problem for play in plays}  # a task of a file may be drawn for two groups
        wanted = [(str(play.group), play.program) for play in plays if play.is_candidate]
        try:
            found = await court.verdicts(self.grounds.jobs, problems, wanted, workers=self.grounds.workers)
        except SandboxError:
            return {}
        return {(int(group), program): said.ok for (group, program), said in found.items()}


def sizes(practice: Practice) -> tuple[int, int]:
    """How many tasks a step takes: for groups from the request on, and to find those that begin after a failure."""
    later = round(practice.second * practice.groups) if practice.turns > 1 else 0
    return practice.groups - later, _OFFERED * later


class _Play:
    """One dialogue, as far as it has come."""

    def __init__(self, problem: Problem, start: Trajectory | None, group: int) -> None:
        self.problem = problem
        self.group = group
        self.trajectory = start or Trajectory(problem.task.id, problem.task.prompt)
        self.shared = len(self.trajectory.turns)
        self.lost = ""

    def __call__(self, event: Event, /) -> None:
        self.trajectory = followed(self.trajectory, event)

    @property
    def program(self) -> str:
        return program(self.trajectory.turns[-1], self.problem.task.entry_point)

    @property
    def is_candidate(self) -> bool:
        """Whether it may have solved its task: it was played, and nothing was wrong with its last answer."""
        turns = self.trajectory.turns
        return not self.lost and len(turns) > self.shared and not _refused(self.trajectory) and bool(self.program)


def _refused(trajectory: Trajectory) -> bool:
    return bool(trajectory.turns and trajectory.turns[-1].feedback)


def _group(
    number: int,
    problem: Problem,
    start: Trajectory | None,
    plays: Sequence[_Play],
    solved: Mapping[tuple[int, str], bool],
) -> Group:
    """The dialogues of a group that are known to be worth something, or nothing."""
    mine = [play for play in plays if play.group == number]
    known = [play for play in mine if not play.lost and (not play.is_candidate or (number, play.program) in solved)]
    episodes = tuple(
        Episode(
            play.trajectory.stopped(StopReason.MAX_TURNS if _refused(play.trajectory) else StopReason.DONE),
            problem.task.entry_point,
            play.is_candidate and solved[number, play.program],
            play.shared,
        )
        for play in known
        if len(play.trajectory.turns) > play.shared
    )
    return Group(problem, start, episodes, len(mine) - len(known))


def _steady(provider: FeedbackProvider) -> FeedbackProvider:
    """The same, without addresses of objects: they tell nothing, and differ from run to run."""

    async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        said = await provider(task, before, turn)
        return tuple(replace(each, text=_ADDRESS.sub("0x...", each.text)) for each in said)

    return provide
