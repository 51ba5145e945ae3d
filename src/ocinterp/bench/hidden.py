"""What the hidden tests say of the programs in a dialogue: verdicts for the record, and the paper's report of a failure."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

from ocinterp.bench import verdicts
from ocinterp.bench.numbers import Measure, Suite
from ocinterp.bench.python import holds, parse
from ocinterp.bench.results import Judged
from ocinterp.bench.sanitize import sanitize
from ocinterp.feedback import paper
from ocinterp.parse import extract_cells
from ocinterp.problems import Calls, Problem, asserts
from ocinterp.tasks import syntax
from ocinterp.types import Status, Trajectory
from ocinterp.verifiers import running
from ocinterp.verifiers.court import Court
from ocinterp.verifiers.inside import frames
from ocinterp.verifiers.inside.decoding import DecodeError, decode
from ocinterp.verifiers.inside.frames import Frame
from ocinterp.verifiers.judge import Failure, Judge, Judgement
from ocinterp.verifiers.scripts import ScriptJudge

_ENDLESS = sys.maxsize  # no task has as many tests
_EXCEPTION = re.compile(r"\b\w*(?:Error|Exception|Interrupt|Iteration|Warning)\b")
_NAME = 60  # characters of an exception's class


@dataclass(frozen=True, slots=True)
class Scored:
    """Verdicts on one program. `unseen`: on all tests but those whose input the task shows to the model.

    `error` is the class of the exception that the first failing test met, without its words: those may hold an input.
    """

    base: str
    plus: str | None
    unseen: str
    error: str = ""

    def status(self, measure: Measure) -> str:
        """`plus` includes base."""
        return self.unseen if measure == "unseen" else Judged(self.base, self.plus).status(measure)

    def kind(self, measure: Measure) -> str:
        """The verdict, by the exception's class where there was one: `wrong`, `timeout`, `NameError`."""
        status = self.status(measure)
        return self.error if self.error and status == Status.EXCEPTION else status


def program_of(trajectory: Trajectory, entry_point: str) -> str:
    """The program that a dialogue has come to: that of the latest answer which holds the entry point.

    Within an answer it is the last block of code that does; else what `sanitize` makes of the whole.
    """
    answers = [turn.completion.text for turn in reversed(trajectory.turns)]
    found = (program for answer in answers if defines(program := _program(answer, entry_point), entry_point))
    return next(found, sanitize(answers[0], entry_point) if answers else "")


def _program(answer: str, entry_point: str) -> str:
    blocks = [cell.source for cell in extract_cells(answer) if cell.language == "python"]
    whole = [each for each in reversed(blocks) if defines(each, entry_point)]
    return sanitize(whole[0] if whole else answer, entry_point)


def defines(source: str, entry_point: str) -> bool:
    """Whether it is a program that holds the entry point."""
    try:
        return holds(parse(source), entry_point)
    except SyntaxError:
        return False


class HiddenTests:
    """Judges the programs of one task and reports of them, equal ones once, under the first profile of `court`.

    Use it as a context manager, also while it is in use: the first program opens the court's judge, which holds all
    inputs, and the last to leave closes it. Raises SandboxError where there is no verdict because the sandbox failed.
    """

    def __init__(self, court: Court, task_id: str) -> None:
        self.problem: Problem = court.benchmark.problems[task_id]
        self.left_out = shown(self.problem)
        self._court = court
        self._scored: dict[str, asyncio.Task[Scored]] = {}
        self._judged: dict[str, asyncio.Task[Judgement]] = {}
        self._reports: dict[tuple[str, Suite, int | None], asyncio.Task[str]] = {}
        self._users = 0
        self._held = ExitStack()
        self._opened: Judge | ScriptJudge | None = None

    def __enter__(self) -> HiddenTests:
        self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users:
            self._opened = None
            self._held.close()

    async def score(self, program: str) -> Scored:
        """The verdicts on a program."""
        if program not in self._scored:
            self._scored[program] = asyncio.create_task(self._score(program))
        return await self._scored[program]

    async def report(self, program: str, suite: Suite, *, first: int | None = None) -> str:
        """What the paper shows of a program that fails: the first failing test, and `""` where all of `suite` pass.

        Of the plus tests too where `suite` is plus, but only where base tests gave wrong answers or none failed. At most
        500 characters. With `first` nothing is heard of other tests than that many, in the order of their source.
        """
        key = program, suite, first
        if key not in self._reports:
            self._reports[key] = asyncio.create_task(self._report(*key))
        return await self._reports[key]

    async def _report(self, program: str, suite: Suite, first: int | None) -> str:
        judgement = await self._judgement(program)
        judge = self._judge
        if first is not None and _first_failure(judgement) is not None:
            with self._court.of(self.problem.task.id, leave_out=range(first, _ENDLESS)) as judge:
                return await _reported(judge, program, await self._judge_by(judge, program), suite)
        return await _reported(judge, program, judgement, suite)

    async def _judgement(self, program: str) -> Judgement:
        if program not in self._judged:
            self._judged[program] = asyncio.create_task(self._judge_by(self._judge, program))
        return await self._judged[program]

    @property
    def _judge(self) -> Judge | ScriptJudge:
        assert self._users
        if self._opened is None:
            self._opened = self._held.enter_context(self._court.of(self.problem.task.id))
        return self._opened

    async def _judge_by(self, judge: Judge | ScriptJudge, program: str) -> Judgement:
        judgement = (await judge.judge(program))[self._court.profiles[0]]
        verdicts.check([judgement])
        return judgement

    async def _score(self, program: str) -> Scored:
        found = await self._judgement(program)
        base, plus = str(found.base.status), None if found.plus is None else str(found.plus.status)
        first = unseen = _first_failure(found)
        if first is not None and first.number in self.left_out:  # else it is the first of those that are left, too
            with self._court.of(self.problem.task.id, leave_out=self.left_out) as judge:
                unseen = _first_failure(await self._judge_by(judge, program))
        status = str(Status.PASS if unseen is None else unseen.status)
        return Scored(base, plus, status, _error(unseen or first))


def _error(failure: Failure | None) -> str:
    """The class of an exception, by its name; empty for one that is not named like an exception."""
    if failure is None or failure.status is not Status.EXCEPTION:
        return ""
    found = _EXCEPTION.search(failure.detail)
    return found[0][:_NAME] if found else ""


def _first_failure(judgement: Judgement) -> Failure | None:
    return next((each.failure for each in judgement.sets if each.failure is not None), None)


async def _reported(judge: Judge | ScriptJudge, program: str, judgement: Judgement, suite: Suite) -> str:
    failures = [judgement.base.failure]
    if suite == "plus" and judgement.plus is not None and judgement.base.status in {Status.PASS, Status.WRONG}:
        failures.append(judgement.plus.failure)
    parts = [await _described(judge, program, each) for each in failures if each is not None]
    return "\n\n".join(parts)[: paper.CHARACTERS]


async def _described(judge: Judge | ScriptJudge, program: str, failure: Failure) -> str:
    """A failing test in the paper's terms."""
    if failure.status is Status.TIMEOUT:
        return paper.TIMED_OUT
    if isinstance(judge, ScriptJudge):
        return f"A test fails: {failure.detail or failure.status}"
    call = f"{judge.problem.task.entry_point}({', '.join(map(_shown, judge.arguments[failure.number]))})"
    if failure.status is not Status.WRONG:
        return paper.failed(failure.detail or str(failure.status), call)
    expected = _value(judge.expected[failure.number])
    actual = await _actual(judge, program, failure.number)
    return paper.wrong(call, expected, actual)


async def _actual(judge: Judge, program: str, number: int) -> str:
    """What the program answers to one call."""
    heard: list[Frame] = []

    def hear(frame: Frame) -> bool:
        heard.append(frame)
        return True

    async with judge.room:
        ended = await running.ask(judge.jobs, program, judge.question([number]), hear)
    if heard:
        return _value(heard[0])
    return ended.detail if ended is not None else "nothing"


def _value(frame: Frame) -> str:
    if frame.kind == frames.RAISED:
        return running.words(frame)
    if frame.kind != frames.ANSWER:
        return "(a value too large to show)"
    try:
        return _shown(decode(frame.content))
    except DecodeError as error:
        return f"(no answer: {error})"


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python writes, or nesting as deep
        return "(a value too large to show)"
    return text if len(text) <= paper.CHARACTERS else f"{text[: paper.CHARACTERS]}…"


def shown(problem: Problem) -> frozenset[int]:
    """The numbers of the tests whose arguments are in a visible test; none where no other test would be left."""
    name = problem.task.entry_point
    expressions = filter(None, map(syntax.expression, problem.task.visible_tests))
    visible = [each for tree in expressions for each in _inputs(tree, name)]
    tests = list(_arguments(problem))
    found = frozenset(n for n, calls in enumerate(tests) if any(_same(one, each) for one in calls for each in visible))
    return found if len(found) < len(tests) else frozenset()


def _arguments(problem: Problem) -> Iterator[list[tuple[Any, ...]]]:
    """For each test of a problem, or assert of its script, the arguments of its calls."""
    if isinstance(problem.tests, Calls):
        yield from ([each] for each in problem.tests)
    elif problem.tests.kind == "asserts" and (tree := syntax.tree(problem.tests.source)) is not None:
        for node in asserts(tree):
            yield list(_inputs(node.test, problem.task.entry_point, "candidate"))


def _inputs(tree: ast.AST, *names: str) -> Iterator[tuple[Any, ...]]:
    """The arguments of all calls of a function in an expression, as far as they are written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            given = [*node.args, *(each.value for each in node.keywords)]
            if all(map(syntax.is_literal, given)):
                yield tuple(map(ast.literal_eval, given))


def _same(one: Any, other: Any) -> bool:
    """Equal, where a list is as good as a tuple: the data of many benchmarks is JSON, which has no tuples."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        first, second = cast("list[Any]", one), cast("list[Any]", other)
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(one == other)
