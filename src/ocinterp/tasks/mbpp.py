"""MBPP (google-research/mbpp): the 974 tasks, and the 427 that were looked through by hand ("sanitized").

Each task has a few asserts. The first is shown in the prompt, since nothing else tells the function's name; all of them
are tests. Eleven tasks have further ones in `challenge_test_list`; as everywhere in the field, they do not count.
"""

from __future__ import annotations

import ast
from collections import Counter

from ocinterp.errors import DataError
from ocinterp.problems import Problem, Script
from ocinterp.tasks import examples, prompts, syntax
from ocinterp.tasks.rows import Row
from ocinterp.types import Task


def read(row: Row) -> Problem:
    """A row of either form: the words are in `text` or `prompt`, what tests need in `test_setup_code` or `test_imports`."""
    words = row.program("text" if "text" in row.fields else "prompt")
    code, tests, imports = row.program("code"), row.texts("test_list"), row.texts("test_imports", ())
    if not any(test.strip() for test in tests):
        row.refuse("test_list", "at least one test")
    name = _entry_point(code, tests)
    if name is None:
        raise DataError(f"{row.where}: test_list: no test calls a function that the code defines")
    setup = row.text("test_setup_code", "").strip()  # of two tasks: it uses a class that only their code defines
    setup = "\n\n".join(filter(None, [*imports, syntax.helpers(code, name, setup), setup]))
    claim = examples.of_assert(tests[0], name, imports)
    visible = () if claim is None else (claim,)
    task = Task(row.identity(prefix="Mbpp/"), prompts.solve(words, name, tests[0]), name, visible)
    return Problem(task, code, Script("\n".join(tests) + "\n", setup), stem=f'"""\n{words.strip()}\n{tests[0]}\n"""\n')


def _entry_point(code: str, tests: tuple[str, ...]) -> str | None:
    """The function that most of the tests call, of those that the code defines."""
    names = set(syntax.defined(code))
    called = Counter(
        name for tree in filter(None, map(syntax.tree, tests)) for name in dict.fromkeys(_called(tree)) if name in names
    )
    return max(called, key=lambda name: called[name], default=None)


def _called(tree: ast.AST) -> list[str]:
    """The names that are called, from the outside in."""
    nodes = (each.func for each in ast.walk(tree) if isinstance(each, ast.Call))
    return [each.id for each in nodes if isinstance(each, ast.Name)]
