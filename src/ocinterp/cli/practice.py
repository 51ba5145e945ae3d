"""The grounds on which a model practises: tasks, and sandboxes in which its programs run and are judged."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli import settings, setup
from ocinterp.sandboxes.limits import MIB, Resources, Service
from ocinterp.sandboxes.probe import sandbox_named

if TYPE_CHECKING:
    from ocinterp.train.exercises import Exercises
    from ocinterp.train.orders import Ended, Order, Screen
    from ocinterp.train.recipe import Practice

_CELL_SECONDS: Final = 5.0  # all dialogues of a step wait for the slowest program
_CELL_MEMORY_BYTES: Final = 1024 * MIB
_SPARES: Final = 32  # interpreters forked while answers are awaited


@dataclass(frozen=True, slots=True)
class Course:
    """What was asked for on the command line."""

    tasks: str
    sandbox: str | None
    workers: int | None
    server: str

    def run(self, order: Order, screen: Screen) -> Ended:
        """Practise, until the end or until somebody wants it to stop."""
        with screen.steps(1):  # Ctrl-C is heard from here on
            return asyncio.run(self._run(order, screen))

    async def _run(self, order: Order, screen: Screen) -> Ended:
        from ocinterp.train import rl
        from ocinterp.train.recipe import Practice
        from ocinterp.train.rollouts import Grounds

        practice = order.recipe.practice or Practice()
        exercises = self._exercises(practice)
        chosen = settings.load()
        workers = setup.workers_of(self.workers)
        dialogues = practice.groups * max(practice.dialogues, 3)
        service = Service(zygotes=workers, sessions=2 * dialogues, spares=min(dialogues, _SPARES))
        tier = self.sandbox or chosen.get("sandbox", "auto")
        cells = sandbox_named(
            tier, Resources(timeout_seconds=_CELL_SECONDS, memory_bytes=_CELL_MEMORY_BYTES), service=service
        )
        jobs = setup.judging_sandbox(chosen, self.sandbox, workers)
        async with cells, jobs:
            return await rl.run(order, exercises, Grounds(cells, jobs, workers), screen, self.server)

    def _exercises(self, practice: Practice) -> Exercises:
        from ocinterp.train.exercises import FileExercises, PocketExercises

        if self.tasks == "pocket":
            return PocketExercises.of(practice)
        found = FileExercises.read(Path(self.tasks))
        if found.published:
            line = f"these are the tasks of {found.published}: of a model that has practised on them it can measure nothing"
            print(f"ocinterp: {line}", file=sys.stderr)
        return found
