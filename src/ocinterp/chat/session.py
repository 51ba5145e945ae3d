"""An open session that several loops share: what a chat is made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ocinterp.protocols import Session
from ocinterp.types import Cell, FileInfo, Outcome, Trajectory


@dataclass(frozen=True, slots=True)
class Held:
    """A sandbox whose one session is open already and stays open: loops come and go, its variables stay."""

    session: Session

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        yield self.session


async def restore(session: Session, trajectory: Trajectory) -> list[str]:
    """Run again, in order, the cells that once ran clean; the ids of those that no longer do.

    A saved session holds what was said and run, not the interpreter: this brings its variables and files back.
    """
    broken: list[str] = []
    for turn in trajectory.turns:
        for run in turn.runs:
            if run.result.outcome is not Outcome.OK:
                continue
            again = await session.run(Cell(f"restore.{run.cell.id}", run.cell.source, run.cell.language))
            if not again.ok:
                broken.append(run.cell.id)
    return broken


async def made(session: Session, before: tuple[FileInfo, ...]) -> tuple[FileInfo, ...]:
    """The files that are new or changed since `before`."""
    known = {(file.name, file.size, file.modified) for file in before}
    return tuple(file for file in await session.files() if (file.name, file.size, file.modified) not in known)
