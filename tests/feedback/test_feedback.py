from __future__ import annotations

import pytest

from ocinterp.errors import UsageError
from ocinterp.feedback import VisibleTests, all_of, execution_output, failures, first_of, silent
from ocinterp.feedback.tests import checked, left_side
from ocinterp.protocols import FeedbackProvider
from ocinterp.testing import FakeSession
from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Failure,
    Feedback,
    Outcome,
    Run,
    Source,
    Task,
    Trajectory,
    Turn,
)

TASK = Task("t", (), visible_tests=("f(2) == 4", "f"))
BEFORE = Trajectory("t", ())


def turn(*outcomes: Outcome, finish: bool = True) -> Turn:
    def result(number: int, outcome: Outcome) -> ExecutionResult:
        error = None if outcome is Outcome.OK else Failure("ValueError", "bad", f"Traceback\nValueError: bad {number}")
        return ExecutionResult(str(number), outcome, stdout=f"out {number}\n", error=error)

    runs = tuple(Run(Cell(str(n), "x"), result(n, outcome)) for n, outcome in enumerate(outcomes, 1))
    return Turn(Completion("", "stop" if finish else "length"), runs)


def says(text: str) -> FeedbackProvider:
    async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        return (Feedback(Source.HUMAN, text),) if text else ()

    return provide


async def test_what_failed_is_asked_for_again_in_its_language_or_in_python_where_that_does_not_run() -> None:
    for failure, language in (("CompileError", "rust"), ("UnsupportedLanguage", "python")):
        result = ExecutionResult("1", Outcome.ERROR, error=Failure(failure, "no"))
        (said,) = await failures(TASK, BEFORE, Turn(Completion(""), (Run(Cell("1", "x", "rust"), result),)))
        assert said.text.endswith(f"in one ```{language} block.")


async def test_failures_speak_of_failed_cells_with_their_traceback() -> None:
    (said,) = await failures(TASK, BEFORE, turn(Outcome.ERROR))
    assert said.source is Source.EXECUTION
    assert "out 1" in said.text
    assert "ValueError: bad 1" in said.text


async def test_failures_number_the_blocks_of_an_answer() -> None:
    (said,) = await failures(TASK, BEFORE, turn(Outcome.OK, Outcome.ERROR))
    assert "block 1:\nout 1" in said.text
    assert "block 2:\nout 2" in said.text


async def test_failures_are_silent_about_clean_runs() -> None:
    assert await failures(TASK, BEFORE, turn(Outcome.OK)) == ()


async def test_an_answer_that_was_cut_off_is_told_so() -> None:
    (said,) = await failures(TASK, BEFORE, turn(finish=False))
    assert "cut off" in said.text


async def test_execution_output_speaks_of_clean_runs_too_but_not_of_nothing() -> None:
    (said,) = await execution_output(TASK, BEFORE, turn(Outcome.OK))
    assert "out 1" in said.text
    assert await execution_output(TASK, BEFORE, turn()) == ()


async def test_first_of_asks_nobody_after_the_first_who_speaks() -> None:
    (said,) = await first_of(silent, says("a"), says("b"))(TASK, BEFORE, turn())
    assert said.text == "a"


async def test_all_of_joins_everybody_in_order() -> None:
    said = await all_of(says("a"), silent, says("b"))(TASK, BEFORE, turn())
    assert [each.text for each in said] == ["a", "b"]


async def test_visible_tests_report_what_does_not_hold_and_what_came_instead() -> None:
    def respond(cell: Cell) -> ExecutionResult:
        if cell.source == "assert (\nf(2) == 4\n)":
            return ExecutionResult(cell.id, Outcome.ERROR, error=Failure("AssertionError"))
        return ExecutionResult(cell.id, Outcome.OK, stdout="5\n")

    tests = VisibleTests(FakeSession(respond))
    (said,) = await tests(TASK, BEFORE, turn(Outcome.OK))
    assert said.source is Source.TESTS
    assert "f(2) == 4\n  but it is 5" in said.text
    assert [each.held for each in tests.last] == [False, True]


async def test_a_test_that_could_not_be_evaluated_does_not_hold() -> None:
    tests = VisibleTests(FakeSession(lambda cell: ExecutionResult(cell.id, Outcome.KILLED)))
    (said,) = await tests(TASK, BEFORE, turn(Outcome.OK))
    assert not any(each.held for each in tests.last)
    assert "killed" in said.text


@pytest.mark.parametrize("expression", ["", "assert", "x = 1", "f(", "import os", "(" * 5000])
def test_a_test_that_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(UsageError, match="one Python expression"):
        checked(expression)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("f(2) == 5", "f(2) == 5"),
        (" assert f(2) == 5\n", "f(2) == 5"),
        ("assert(f(2) == 5)", "(f(2) == 5)"),
        ("asserted(2)", "asserted(2)"),
        ("assert assert_(1)", "assert_(1)"),
    ],
)
def test_a_test_may_be_written_as_an_assertion(given: str, read: str) -> None:
    assert checked(given) == read


def test_a_test_that_can_never_be_false_is_refused() -> None:
    with pytest.raises(UsageError, match="a tuple never is"):
        checked("f(2) == 5, 'a message'")


def test_only_a_comparison_has_a_left_side() -> None:
    assert (left_side("f(2) == 4"), left_side("f(2)")) == ("f(2)", None)
