"""How a run ended: the words, the JSON, the files and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocinterp.errors import UsageError
from ocinterp.feedback.tests import Evaluated
from ocinterp.protocols import Session
from ocinterp.render import error_line
from ocinterp.types import FileInfo, Trajectory, Turn


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What `ocinterp run` has to tell. `saved` are the files that were copied out."""

    trajectory: Trajectory
    tests: tuple[Evaluated, ...]
    session_id: str
    files: tuple[FileInfo, ...]
    saved: tuple[Path, ...]

    @property
    def last_run(self) -> Turn | None:
        """The last turn in which something ran."""
        return next((turn for turn in reversed(self.trajectory.turns) if turn.runs), None)

    @property
    def ok(self) -> bool:
        last = self.last_run
        return last is not None and last.clean and all(test.held for test in self.tests)

    def complaint(self) -> str:
        """Why the run did not succeed, on one line."""
        last = self.last_run
        if last is None:
            return "the model's answer holds no code to run: ask for code, or for a computation"
        if not last.clean:
            failed = next(run.result for run in reversed(last.runs) if not run.result.ok)
            rounds = len(self.trajectory.turns)
            return f"still failing after {rounds} round{'s' * (rounds != 1)}: {error_line(failed)}; try more --rounds"
        failed_tests = [test for test in self.tests if not test.held]
        if failed_tests:
            return f"{len(failed_tests)} of {len(self.tests)} tests do not hold: {failed_tests[0].expression}"
        return ""

    def as_json(self) -> dict[str, Any]:
        import json

        from ocinterp import records

        places = {path.name: str(path) for path in self.saved}
        return {
            "format": "ocinterp-run/1",
            "ok": self.ok,
            "error": None if self.ok else self.complaint(),
            "session": self.session_id,
            "rounds": len(self.trajectory.turns),
            "tests": [{"expression": t.expression, "held": t.held, "got": t.got} for t in self.tests],
            "files": [{"name": f.name, "bytes": f.size, "path": places.get(Path(f.name).name)} for f in self.files],
            "trajectory": json.loads(records.dumps(self.trajectory)),
        }


async def save_files(session: Session, files: Sequence[FileInfo], folder: Path) -> tuple[Path, ...]:
    """Copy files of a session into `folder`, which is made if need be. Raises UsageError when it cannot be written."""
    saved: list[Path] = []
    for file in files:
        path = folder / file.name
        content = await session.get(file.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}; choose another --out") from error
        saved.append(path)
    return tuple(saved)
