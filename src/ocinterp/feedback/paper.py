"""The first failing visible test, in the words in which the paper's evaluation tells of a failure (bench/hidden.py)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ocinterp.feedback.tests import Evaluated, VisibleTests
from ocinterp.protocols import Session
from ocinterp.render import clip, error_line
from ocinterp.types import ExecutionResult, Feedback, Outcome, Source, Task, Trajectory, Turn

AGAIN: Final = "Fix the program and give all of it again in one code block."
_CHARACTERS: Final = 500  # of a report, as in the paper's section 4
_LINE: Final = re.compile(r'File "<cell (?!test\.)[^"]*", line (\d+)')  # of the program, not of a test
_CELL: Final = re.compile(r"<cell [\d.]+>")


@dataclass
class PaperReport:
    """Evaluates a task's visible tests after each turn, and speaks of the first that does not hold.

    Of a program that does not run it tells the error, and the call that was to be made.
    """

    session: Session
    tests: VisibleTests = field(init=False)

    def __post_init__(self) -> None:
        self.tests = VisibleTests(self.session)

    async def __call__(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        broken = next((run.result for run in turn.runs if not run.result.ok), None)
        if broken is not None and task.visible_tests:
            return _said(_failed(broken, _call(task.visible_tests[0])))
        if not await self.tests(task, before, turn):
            return ()
        return _said(_told(next(each for each in self.tests.last if not each.held)))


def _said(report: str) -> tuple[Feedback, ...]:
    return (Feedback(Source.TESTS, f"{report[:_CHARACTERS]}\n\n{AGAIN}"),)


def _told(test: Evaluated) -> str:
    call, _, expected = test.expression.partition(" == ")
    if not test.got or not expected:
        return _failed(test.result, call)
    return f"A test fails.\nInput: {call}\nExpected: {expected}\nActual: {test.got}"


def _failed(result: ExecutionResult, call: str) -> str:
    if result.outcome is Outcome.TIMEOUT:
        return "Execution timed out."
    lines = _LINE.findall(result.error.traceback) if result.error is not None else []
    where = f" (line {lines[-1]})" if lines and "<cell" not in error_line(result) else ""
    error = _CELL.sub("<solution>", error_line(result))
    return f"A test fails: {clip(error, 300)}{where}\nInput: {call}"


def _call(expression: str) -> str:
    return expression.partition(" == ")[0]
