"""From the text of a dataset to its problems: which reader reads which rows."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ocinterp.errors import DataError
from ocinterp.problems import Calls, Problem, Script
from ocinterp.tasks import bigcodebench, evalplus, generic, humaneval, mbpp, quixbugs, syntax
from ocinterp.tasks.rows import Row, parse

Reader = Callable[[Row], Problem]

READERS: Final[Mapping[str, Reader]] = {
    "evalplus": evalplus.read,
    "humaneval": humaneval.read,
    "humanevalfix": humaneval.read_fix,
    "mbpp": mbpp.read,
    "bigcodebench": bigcodebench.read,
    "quixbugs": quixbugs.read,
    "generic": generic.read,
}

# By which fields a format is known, where nobody has said which it is; the first that fits.
_MARKS: tuple[tuple[str, frozenset[str]], ...] = (
    ("evalplus", frozenset({"task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input"})),
    ("bigcodebench", frozenset({"task_id", "complete_prompt", "entry_point", "canonical_solution", "test"})),
    ("humaneval", frozenset({"task_id", "prompt", "entry_point", "canonical_solution", "test"})),
    ("mbpp", frozenset({"task_id", "code", "test_list"})),
    ("quixbugs", frozenset({"name", "buggy_program", "solution", "tests"})),
    ("generic", frozenset({"task_id", "prompt", "entry_point"})),
)


def problems(text: bytes, source: str, form: str | None = None) -> tuple[str, dict[str, Problem]]:
    """The format of a text, as given or as its first row shows it, and its problems by their task's id, in order.

    Raises DataError (`source:line: reason`), also where two rows have one id.
    """
    found: dict[str, Problem] = {}
    places: dict[str, str] = {}
    with _without_collector():
        rows = parse(text, source)
        form = form or _form_of(rows[0])
        read = READERS[form]
        for row in rows:
            problem = read(row)
            if (other := places.setdefault(problem.task.id, row.where)) != row.where:
                raise DataError(f"{row.where}: task {problem.task.id!r} was there already, at {other}")
            found[problem.task.id] = problem
    return form, found


def count_tests(problem: Problem) -> int:
    """Calls; of a script its asserts, or the test methods of its TestCase, as they are written."""
    if isinstance(problem.tests, Calls):
        return len(problem.tests.base) + len(problem.tests.plus)
    return syntax.count(problem.tests.source, problem.tests.kind)


def faults(problems: Mapping[str, Problem]) -> Iterator[str]:
    """What is wrong with the tests and the references: no Python programs, or a reference without its entry point."""
    for name, problem in problems.items():
        if isinstance(problem.tests, Script) and syntax.tree(problem.tests.source) is None:
            yield f"{name}: the tests are not a Python program"
        if not problem.reference:
            continue  # nobody has to give one
        if syntax.tree(problem.reference) is None:
            yield f"{name}: the reference is not a Python program"
        elif problem.task.entry_point not in syntax.defined(problem.reference):
            yield f"{name}: the reference does not define {problem.task.entry_point}"


def _form_of(row: Row) -> str:
    for form, fields in _MARKS:
        if fields <= row.fields.keys():
            return form
    expected = "task_id, prompt, entry_point and tests (docs/evaluation.md)"
    raise DataError(f"{row.where}: not a row of a benchmark: expected the fields {expected}")


@contextmanager
def _without_collector() -> Generator[None]:
    """The arguments are half a million lists, of which none is garbage: to look for some takes 40 % of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
