"""Visible tests: expressions that must hold after a turn's code has run."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ocinterp.errors import UsageError
from ocinterp.feedback.parting import parting
from ocinterp.protocols import Session
from ocinterp.render import describe, error_line
from ocinterp.types import Cell, ExecutionResult, Feedback, Outcome, Source, Task, Trajectory, Turn

AGAIN: Final = "Fix the code and give all of it again."
_ASSERT: Final = re.compile(r"^assert\b")
ASKED: Final = "These expressions must be true after your code has run:"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One test expression and what came of it."""

    expression: str
    result: ExecutionResult
    got: str = ""  # the left side of a comparison that did not hold

    @property
    def held(self) -> bool:
        return self.result.outcome is Outcome.OK


@dataclass
class VisibleTests:
    """Evaluates a task's visible tests in the session after each turn, and speaks of those that do not hold.

    The program and its tests share one interpreter: a program that sets out to deceive them can. It cannot pass by
    ending early, because a test that could not be evaluated does not hold.
    """

    session: Session
    _count: int = 0
    last: tuple[Evaluated, ...] = field(default=())
    judged: int = 0  # the number of the turn, from 1, that `last` is about

    async def __call__(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        self.judged = len(before.turns) + 1
        self.last = tuple([await self._evaluate(test) for test in task.visible_tests])
        failed = [each for each in self.last if not each.held]
        if not failed:
            return ()
        return (report(failed),)

    def _cell(self, source: str) -> Cell:
        self._count += 1
        return Cell(f"test.{self._count}", source)

    async def _evaluate(self, expression: str) -> Evaluated:
        result = await self.session.run(self._cell(f"assert (\n{expression}\n)"))
        left = left_side(expression)
        if left is None or result.error is None or result.error.name != "AssertionError":
            return Evaluated(expression, result)
        shown = await self.session.run(self._cell(f"print(repr({left}))"))
        got = describe(shown, 300) if shown.outcome is Outcome.OK else error_line(shown)
        return Evaluated(expression, result, got)


def asked(tests: Sequence[str]) -> str:
    """What a request says of the tests that its answer has to pass."""
    return "\n".join((ASKED, *tests))


def checked(expression: str) -> str:
    """A test expression as given, without an `assert` before it. Raises UsageError for what is not one Python expression."""
    given = _ASSERT.sub("", expression.strip(), count=1).strip()
    try:
        tree = ast.parse(given, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"--test wants one Python expression such as 'f(2) == 4', not {expression!r}") from error
    if isinstance(tree, ast.Tuple):
        raise UsageError(f"--test wants one expression that can be false, and a tuple never is: {expression!r}")
    return given


def left_side(expression: str) -> str | None:
    """The source of what a comparison compares; None for any other expression."""
    tree = ast.parse(expression, mode="eval").body
    return ast.unparse(tree.left) if isinstance(tree, ast.Compare) else None


def right_side(expression: str) -> str | None:
    """What should be equal to the left side; None where it is not a test of equality."""
    tree = ast.parse(expression, mode="eval").body
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and isinstance(tree.ops[0], ast.Eq):
        return ast.unparse(tree.comparators[0])
    return None


def report(failed: Sequence[Evaluated]) -> Feedback:
    """What is said of tests that do not hold."""
    lines = "\n".join(map(_line, failed))
    return Feedback(Source.TESTS, f"These tests do not hold:\n{lines}\n\n{AGAIN}")


def _line(each: Evaluated) -> str:
    if each.got:
        where = parting(each.got, right_side(each.expression) or "")
        return f"- {each.expression}\n  but it is {each.got}{f': {where}' if where else ''}"
    return f"- {each.expression}\n  {error_line(each.result)}"
