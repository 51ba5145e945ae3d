"""Running our own programs in this process, with the words that a session has for what came of them.

For programs made by rule alone, from operations whose values are small: a sandbox takes ten times as long, and nothing here
is a stranger's. A test compares the words with those of a real session.
"""

from __future__ import annotations

import linecache
from typing import Any

from ocinterp.feedback.tests import Evaluated, left_side
from ocinterp.render import describe, error_line
from ocinterp.sandboxes.ns import tracebacks
from ocinterp.types import Cell, ExecutionResult, Failure, Outcome


class Rehearsal:
    """One interpreter's worth of variables, from cell to cell."""

    def __init__(self, **variables: Any) -> None:
        self._variables: dict[str, Any] = {"__name__": "__main__", **variables}
        self._tests = 0

    def run(self, cell: Cell) -> ExecutionResult:
        """What came of a cell; it has no output."""
        return _result(cell, self._failure(cell, "exec")[0])

    def evaluate(self, expression: str) -> Evaluated:
        """As `feedback.VisibleTests` evaluates a test."""
        self._tests += 1
        cell = Cell(f"test.{self._tests}", f"assert (\n{expression}\n)")
        failure, _ = self._failure(cell, "exec")
        result = _result(cell, failure)
        left = left_side(expression)
        if left is None or failure is None or failure.name != "AssertionError":
            return Evaluated(expression, result)
        self._tests += 1
        failure, value = self._failure(Cell(f"test.{self._tests}", left), "eval")
        if failure is not None:
            return Evaluated(expression, result, error_line(_result(cell, failure)))
        shown = ExecutionResult(cell.id, Outcome.OK, f"{value!r}\n")
        return Evaluated(expression, result, describe(shown, 300))

    def _failure(self, cell: Cell, mode: str) -> tuple[Failure | None, Any]:
        name = f"<cell {cell.id}>"
        lines = cell.source.splitlines(keepends=True)
        linecache.cache[name] = (len(cell.source), None, lines, name)
        try:
            code = compile(cell.source, name, mode, dont_inherit=True)
            return None, eval(code, self._variables)  # noqa: S307  programs of our own
        except Exception as error:  # noqa: BLE001  whatever a wrong attempt raises
            own = error.__traceback__
            return Failure(**tracebacks.describe(error.with_traceback(own and own.tb_next))), None


def _result(cell: Cell, failure: Failure | None) -> ExecutionResult:
    return ExecutionResult(cell.id, Outcome.OK if failure is None else Outcome.ERROR, error=failure)
