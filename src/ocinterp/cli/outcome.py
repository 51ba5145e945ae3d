"""How a run ended: the words, the JSON, the files and the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocinterp.feedback.tests import Evaluated
from ocinterp.render import error_line
from ocinterp.types import FileInfo, Trajectory, Turn


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What `ocinterp run` has to tell. `saved` says where files were copied to, `complaints` which could not be."""

    trajectory: Trajectory
    tests: tuple[Evaluated, ...]
    session_id: str
    files: tuple[FileInfo, ...]
    saved: Mapping[str, Path] = field(default_factory=dict[str, Path])
    complaints: tuple[str, ...] = ()
    advice: str = ""  # for a run that still fails

    @property
    def last_run(self) -> Turn | None:
        """The last turn in which something ran."""
        return next((turn for turn in reversed(self.trajectory.turns) if turn.runs), None)

    @property
    def ok(self) -> bool:
        last = self.last_run
        return last is not None and last.clean and all(test.held for test in self.tests) and not self.complaints

    def complaint(self) -> str:
        """Why the run did not succeed, on one line."""
        last = self.last_run
        if last is None:
            return "the model's answer holds no code to run: ask for Python code, or for a computation"
        if not last.clean:
            failed = next(run.result for run in reversed(last.runs) if not run.result.ok)
            rounds = len(self.trajectory.turns)
            return f"still failing after {rounds} round{'s' * (rounds != 1)}: {error_line(failed).rstrip('.')}{self.advice}"
        failed_tests = [test for test in self.tests if not test.held]
        if failed_tests:
            return f"{len(failed_tests)} of {len(self.tests)} tests do not hold: {failed_tests[0].expression}"
        return self.complaints[0] if self.complaints else ""

    def as_json(self) -> dict[str, Any]:
        import json

        from ocinterp import records

        return {
            "format": "ocinterp-run/1",
            "ok": self.ok,
            "error": None if self.ok else self.complaint(),
            "session": self.session_id,
            "rounds": len(self.trajectory.turns),
            "tests": [{"expression": t.expression, "held": t.held, "got": t.got} for t in self.tests],
            "files": [
                {"name": f.name, "bytes": f.size, "path": str(self.saved[f.name]) if f.name in self.saved else None}
                for f in self.files
            ],
            "trajectory": json.loads(records.dumps(self.trajectory)),
        }
