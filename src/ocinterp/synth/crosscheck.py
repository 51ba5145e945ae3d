"""Tests for rows whose questions have none: a model writes them from what was asked, and they are believed as far as programs that were
written independently of each other agree on them.

As KodCode (Xu et al. 2025) and CodeT (Chen et al. 2022) do it: neither tests nor programs are right by themselves, but a test that
most of several programs pass, none of whose writers saw it, is right far more often. Who writes tests and programs sees the request and
the heads of functions, never the answer that is judged.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from ocinterp.models.refusals import OF_ONE_REQUEST, RequestRefused
from ocinterp.problems import Problem, Script
from ocinterp.render import clip
from ocinterp.synth import prompts, proof
from ocinterp.synth.crowd import in_order
from ocinterp.synth.desk import Bill, Desk
from ocinterp.synth.queries import Facts, Query
from ocinterp.synth.rows import Row
from ocinterp.tasks import syntax
from ocinterp.types import Message, Source, Status, Task

KIND: Final = "cross-checked"
TESTS: Final = "tests"  # in a row's provenance, and the function that they are of
ENTRY: Final = "entry_point"
METHODS: Final = frozenset({"simulation", "correction", "chat"})  # whose last program answers all that was asked
_MOST: Final = 12  # tests of a row
_FEWEST: Final = 3
_CHARACTERS: Final = 12_000  # of what was asked


_Passed = Mapping[tuple[str, str], bool]  # by a row with a test, and a program


@dataclass(frozen=True, slots=True)
class _Case:
    """A row with the tests and the programs that were written for it."""

    row: Row
    program: str
    name: str
    tests: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    declined: RequestRefused | None = None  # where a server did not take what was asked for it


async def checked(desk: Desk, rows: Sequence[Row]) -> list[Row | str]:
    """Each row as it is after that: proven by the tests that hold, unchanged where too few do; or why it is refused."""
    cases: list[_Case] = []
    async for _, case in in_order(rows, lambda row: _excused(desk, row), desk.at_once):
        desk.refusals.hear(case.declined)
        cases.append(case)
    solved = await _passed(desk, [(case, case.tests, case.programs) for case in cases])
    held = [_held(case, solved) for case in cases]
    own = await _passed(desk, [(case, those, (case.program,)) for case, those in zip(cases, held, strict=True)])
    return [_judged(case, those, solved, own) for case, those in zip(cases, held, strict=True)]


async def _passed(desk: Desk, asked: Sequence[tuple[_Case, Sequence[str], Sequence[str]]]) -> _Passed:
    """Each program of a row on each of the tests. One that ends in neither of the first two is not waited for in ten more.

    Nothing of where the sandbox failed: that is nobody's fault.
    """
    tries = [
        [(_name(case, test), each) for test in tests]
        for case, tests, programs in asked
        for each in dict.fromkeys(programs)
    ]
    problems = {
        _name(case, test): Problem(Task(case.row.id, (Message("user", test),), case.name), "", Script(f"{test}\n", ""))
        for case, tests, _ in asked
        for test in tests
    }
    first = await desk.jury.verdicts(problems, [each for those in tries for each in those[:2]])
    late = {each for each, verdict in first.items() if verdict.status == Status.TIMEOUT}
    endless = [those for those in tries if len(those) > 2 and late.issuperset(those[:2])]
    spared = {each: False for those in endless for each in those[2:]}
    left = [each for those in tries for each in those[2:] if each not in spared]
    verdicts = {**first, **await desk.jury.verdicts(problems, left)}
    return spared | {each: verdict.ok for each, verdict in verdicts.items()}


def _name(case: _Case, test: str) -> str:
    return f"{case.row.id} {test}"


def _most(case: _Case) -> int:
    return len(case.programs) // 2 + 1


def _held(case: _Case, passed: _Passed) -> list[str]:
    """The tests that more than half of the programs pass."""
    return [
        test
        for test in case.tests
        if sum(passed.get((_name(case, test), each)) is True for each in case.programs) >= _most(case)
    ]


def _judged(case: _Case, held: Sequence[str], solved: _Passed, own: _Passed) -> Row | str:
    """By the tests that were held, if more than half of the programs pass all of them."""
    row = case.row
    agreed = sum(all(solved.get((_name(case, test), each)) for test in held) for each in case.programs)
    said = [own.get((_name(case, test), case.program)) for test in held]
    if len(held) < _FEWEST or agreed < _most(case) or None in said:
        return row
    if failed := said.count(False):
        return f"fails {failed} of {len(held)} tests that {agreed} of {len(case.programs)} independent programs pass"
    proven = {**row.provenance, TESTS: "".join(f"{each}\n" for each in held), ENTRY: case.name}
    return replace(row, verified=True, verify_kind=KIND, provenance=proven)


def question(row: Row) -> Query | None:
    """A row's question with the tests that were written for it; None where none were believed."""
    if row.verify_kind != KIND:
        return None
    facts = Facts(entry_point=row.provenance.get(ENTRY, ""), tests=row.provenance.get(TESTS, ""))
    return Query(_asked(row), row.sources[0], facts=facts)


async def _excused(desk: Desk, row: Row) -> _Case:
    """Where somebody cannot answer for this row, there is nothing to judge it by."""
    bill = Bill(desk, row.id)
    try:
        return await _case(desk, row, bill)
    except OF_ONE_REQUEST as error:
        declined = error if isinstance(error, RequestRefused) else None
        return _Case(replace(row, calls=(*row.calls, *bill.calls)), "", "", declined=declined)


async def _case(desk: Desk, row: Row, bill: Bill) -> _Case:
    """What is written for a row; nothing where there is no function to call."""
    program = last_program(row)
    heads = _heads(program)
    if not heads:
        return _Case(row, program, "")
    wanted = _wanted(row)
    brief = prompts.TESTS.format(request=wanted, heads="\n".join(heads.values()), most=_MOST)
    reply = (await bill.model("tester").generate((Message("user", brief),))).text
    tests = tuple(asserts(reply, heads))[:_MOST]
    if len(tests) < _FEWEST:
        return _Case(replace(row, calls=(*row.calls, *bill.calls)), program, next(iter(heads)))
    brief = prompts.SOLVE.format(request=wanted, heads="\n".join(heads.values()))
    programs: list[str] = []
    for number in range(desk.plan.cross_check):
        alone = Bill(desk, f"{row.id} {number}")  # so that no two are the same act
        try:
            reply = (await alone.model(f"solver {number}").generate((Message("user", brief),))).text
        finally:
            bill.calls += alone.calls
        programs.append(proof.python(reply))
    called = next(name for name in reversed(heads) if any(name in _names(test) for test in tests))
    return _Case(replace(row, calls=(*row.calls, *bill.calls)), program, called, tests, tuple(programs))


def last_program(row: Row) -> str:
    """All Python of the last answer that has any."""
    return next(filter(None, (proof.python(turn.text) for turn in reversed(row.turns))), "")


def _wanted(row: Row) -> str:
    """What was asked, and what a person said later."""
    later = [each.text for each in row.feedback if each.source in {Source.SIMULATED_HUMAN, Source.HUMAN} and each.text]
    return clip("\n\n".join([_asked(row), *(f"Later they said: {each}" for each in later)]), _CHARACTERS)


def _asked(row: Row) -> str:
    return next((each.content for each in row.messages if each.role == "user"), "")


def _heads(program: str) -> dict[str, str]:
    """The heads of a program's functions that take something, by their names, in their order."""
    tree = syntax.tree(program)
    found = [each for each in tree.body if isinstance(each, ast.FunctionDef)] if tree is not None else []
    return {each.name: f"def {each.name}({ast.unparse(each.args)})" for each in found if ast.unparse(each.args)}


def asserts(reply: str, names: Iterable[str]) -> Iterator[str]:
    """The asserts in a reply, each a line of its own, that say which literal value a call of one of these functions gives."""
    known, seen = set(names), set[str]()
    for line in reply.splitlines():
        tree = syntax.tree(line.strip())
        found = tree.body[0] if tree is not None and len(tree.body) == 1 else None
        if not isinstance(found, ast.Assert) or not _says_what_a_call_gives(found.test, known):
            continue
        test = ast.unparse(ast.Assert(found.test))
        if test not in seen:
            seen.add(test)
            yield test


def _says_what_a_call_gives(test: ast.expr, names: Set[str]) -> bool:
    """`name(...) == literal`, or `name(...) is True`."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is):
        return False
    call, value = test.left, test.comparators[0]
    called = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
    if isinstance(test.ops[0], ast.Is) and not (
        isinstance(value, ast.Constant) and isinstance(value.value, bool | None)
    ):
        return False
    return called and syntax.is_literal(value)


def _names(test: str) -> set[str]:
    return {each.id for each in ast.walk(ast.parse(test)) if isinstance(each, ast.Name)}
