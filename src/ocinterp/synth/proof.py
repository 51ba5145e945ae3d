"""Whether programs do what tests say: the tests of a row's source, and those of a benchmark that a row may have in it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ocinterp.parse import extract_cells
from ocinterp.problems import Benchmark, Calls, Problem, Script
from ocinterp.synth import cases, normal, tests
from ocinterp.synth.decontaminate import Hit, passage
from ocinterp.synth.jury import Jury
from ocinterp.synth.queries import Query
from ocinterp.tasks import syntax
from ocinterp.types import Message, Task

_LONGEST_SHOWN: Final = 300  # characters
_MOST_FUNCTIONS: Final = 6  # of a row that are tried for a task


def problem(query: Query) -> Problem | None:
    """A question with the tests that its source has; None where it has none that judge a program."""
    facts = query.facts
    if (found := tests.script(facts)) is None:
        return None
    task = Task(query.id, (Message("user", query.text),), tests.called(facts.entry_point))
    return Problem(task, whole(query, facts.solutions[0].source) if facts.solutions else "", found)


def expressions(query: Query) -> list[str]:
    """The tests of a question that can be shown: expressions that need nothing but the program, and are short.

    None where there is more among the tests than asserts, or they are on what a program prints.
    """
    name, tree = tests.called(query.facts.entry_point), syntax.tree(query.facts.tests)
    if not name or name == cases.PRINTED or tree is None:
        return []
    asserts = [each.test for each in tree.body if isinstance(each, ast.Assert)]
    if len(asserts) < len(tree.body):
        return []
    known = {name, *dir(builtins)}
    found = [ast.unparse(each) for each in asserts if _names(each) <= known]
    return [each for each in found if len(each) <= _LONGEST_SHOWN]


def _names(expression: ast.expr) -> set[str]:
    """All that it reads, but for what it binds itself."""
    names = [each for each in ast.walk(expression) if isinstance(each, ast.Name)]
    return {each.id for each in names} - {each.id for each in names if isinstance(each.ctx, ast.Store)}


def python(text: str) -> str:
    """All Python of an answer."""
    return "\n\n".join(each.source for each in extract_cells(text) if each.language == "python")


def whole(query: Query, program: str) -> str:
    """A program with what its source puts before all of them, imports; as a function, where its tests are on what it prints."""
    if query.facts.entry_point == cases.PRINTED:
        program = cases.runnable(program)
    before, program = tests.hoisted(tests.setup(query.facts), program)
    return f"{before.rstrip()}\n\n\n{program}" if before.strip() else program


async def passing(jury: Jury, given: Sequence[tuple[Query, str]]) -> list[bool | None]:
    """Whether each program passes the tests of its question; None where there are none that say something, or nobody knows."""
    asked = {query.id: query for query, _ in given}
    problems = {name: found for name, query in asked.items() if (found := problem(query)) is not None}
    programs = {(query.id, whole(query, program)): None for query, program in given if query.id in problems}
    nothing = {
        name: [(name, whole(query, stub)) for stub in tests.stubs(query.facts.entry_point)]
        for name, query in asked.items()
        if name in problems
        and isinstance(script := problems[name].tests, Script)
        and tests.doubtful(script, tests.called(query.facts.entry_point))
    }
    found = await jury.verdicts(problems, [*programs, *(each for those in nothing.values() for each in those)])
    passed = {each: verdict.ok for each, verdict in found.items()}
    silent = {name for name, those in nothing.items() if all(passed.get(each) for each in those)}
    return [None if query.id in silent else passed.get((query.id, whole(query, program))) for query, program in given]


async def solved(
    jury: Jury, suspects: Mapping[Query, Sequence[Hit]], benchmarks: Sequence[Benchmark]
) -> dict[Query, tuple[Hit, ...]]:
    """Of rows that are suspected to have tasks in them, those whose own functions pass such a task's tests.

    A row counts where a function of an answer in it, under whatever name, passes the benchmark's own tests (EvalPlus's
    further ones are not asked for).
    """
    known = {f"{each.name}@{each.version}": each for each in benchmarks}
    problems: dict[str, Problem] = {}
    tries: list[tuple[Query, Hit, str, str]] = []
    for query, hits in suspects.items():
        for hit in {(each.benchmark, each.task_id): each for each in hits}.values():
            wanted = known[hit.benchmark].problems[hit.task_id]
            name = f"{hit.benchmark} {hit.task_id}"
            problems[name] = _own_tests(wanted)
            tries += [(query, hit, name, each) for each in _named(query, wanted.task.entry_point)]
    found = await jury.verdicts(problems, [(name, each) for _, _, name, each in tries])
    passed: dict[Query, dict[Hit, None]] = {}
    for query, hit, name, program in tries:
        said = found.get((name, program))
        if said is not None and said.ok:
            passed.setdefault(query, {})[hit] = None
    return {query: tuple(hits) for query, hits in passed.items()}


def _own_tests(given: Problem) -> Problem:
    """Without those that EvalPlus added: hundreds that a copy need not be asked."""
    if isinstance(given.tests, Calls):
        return Problem(given.task, given.reference, Calls(given.tests.base, (), given.tests.tolerance), given.stem)
    return given


def _named(query: Query, entry_point: str) -> Iterator[str]:
    """The programs of a row, each of whose functions in turn is called as the benchmark calls its own."""
    texts = passage(query).programs
    count = 0
    for block in (block for text in texts for block in normal.blocks(text)):
        tree = syntax.tree(block)
        names = [each.name for each in tree.body if isinstance(each, ast.FunctionDef)] if tree is not None else []
        for name in dict.fromkeys(names):
            if count < _MOST_FUNCTIONS:
                count += 1
                yield block if name == entry_point else f"{block}\n\n\n{entry_point} = {name}\n"
