"""The words in which the paper's evaluation tells of a failing test; and the first failing visible test in these words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ocinterp.feedback.parting import parting
from ocinterp.feedback.tests import Evaluated, VisibleTests
from ocinterp.protocols import Session
from ocinterp.render import clip, error_line
from ocinterp.types import ExecutionResult, Feedback, Outcome, Source, Task, Trajectory, Turn

AGAIN: Final = "Fix the program and give all of it again in one code block."
CHARACTERS: Final = 500  # of a report, as in the paper's section 4
_LINE: Final = re.compile(r'File "<cell (?!test\.)[^"]*", line (\d+)')  # of the program, not of a test
_CELL: Final = re.compile(r"<cell [\d.]+>")
TIMED_OUT: Final = "Execution timed out."


def wrong(call: str, expected: str, actual: str) -> str:
    """Of a call that was answered otherwise; first how, since long values may be cut off."""
    where = parting(actual, expected)
    return f"A test fails{f': {where}' if where else ''}.\nInput: {call}\nExpected: {expected}\nActual: {actual}"


def failed(error: str, call: str) -> str:
    """Of a call that was not answered; `error` in one line."""
    return f"A test fails: {error}\nInput: {call}"


def told(report: str) -> Feedback:
    """What the model hears: a bounded report, and what to do."""
    return Feedback(Source.TESTS, f"{report[:CHARACTERS]}\n\n{AGAIN}")


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
            return (of_failure(broken, task.visible_tests[0]),)
        if not await self.tests(task, before, turn):
            return ()
        return (of_test(next(each for each in self.tests.last if not each.held)),)


def of_failure(result: ExecutionResult, test: str) -> Feedback:
    """Of a program that did not run, before a test was evaluated."""
    return told(_failed(result, _call(test)))


def of_test(test: Evaluated) -> Feedback:
    """Of a test that did not hold."""
    call, _, expected = test.expression.partition(" == ")
    if not test.got or not expected:
        return told(_failed(test.result, call))
    return told(wrong(call, expected, test.got))


def _failed(result: ExecutionResult, call: str) -> str:
    if result.outcome is Outcome.TIMEOUT:
        return TIMED_OUT
    lines = _LINE.findall(result.error.traceback) if result.error is not None else []
    where = f" (line {lines[-1]})" if lines and "<cell" not in error_line(result) else ""
    error = _CELL.sub("<solution>", error_line(result))
    return failed(f"{clip(error, 300)}{where}", call)


def _call(expression: str) -> str:
    return expression.partition(" == ")[0]
