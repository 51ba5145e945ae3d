"""What a chat brings back into an open session, and what it finds there."""

from __future__ import annotations

from dataclasses import dataclass

from ocinterp.protocols import Session
from ocinterp.types import Cell, FileInfo, Outcome, Trajectory


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of running a session's cells again: ids of those that now end otherwise, and of those left out."""

    changed: tuple[str, ...]
    left_out: tuple[str, ...]


async def restore(session: Session, trajectory: Trajectory) -> Restored:
    """Run again, in order, the cells that came to an end of their own, clean or not.

    A saved session holds what was said and run, not the interpreter: this brings its variables and files back. Cells
    that had to be stopped are left out.
    """
    changed: list[str] = []
    left_out: list[str] = []
    for run in (run for turn in trajectory.turns for run in turn.runs):
        stopped = run.result.error is not None and run.result.error.name == "KeyboardInterrupt"
        if stopped or run.result.outcome not in {Outcome.OK, Outcome.ERROR}:
            left_out.append(run.cell.id)
            continue
        again = await session.run(Cell(f"restore.{run.cell.id}", run.cell.source, run.cell.language))
        if again.ok != run.result.ok:
            changed.append(run.cell.id)
    return Restored(tuple(changed), tuple(left_out))


async def made(session: Session, before: tuple[FileInfo, ...]) -> tuple[FileInfo, ...]:
    """The files that are new or changed since `before`."""
    known = {(file.name, file.size, file.modified) for file in before}
    return tuple(file for file in await session.files() if (file.name, file.size, file.modified) not in known)
