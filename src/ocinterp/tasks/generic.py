"""Anybody's tasks: rows of {task_id, prompt, entry_point, tests}, as docs/evaluation.md describes them."""

from __future__ import annotations

from ocinterp.errors import DataError
from ocinterp.problems import Problem, Script
from ocinterp.tasks import prompts, syntax
from ocinterp.tasks.rows import Row
from ocinterp.types import Task


def read(row: Row) -> Problem:
    """A row. `tests` is Python source, or a list of asserts; a TestCase in it makes it a unittest."""
    name = row.program("entry_point")
    tests = row.texts("tests") if isinstance(row.fields.get("tests"), list) else (row.text("tests"),)
    source = "\n".join(tests).strip()
    if not source:
        row.refuse("tests", "at least one test")
    visible = row.texts("visible_tests", ())
    if wrong := [each for each in visible if syntax.expression(each) is None]:
        raise DataError(
            f"{row.where}: visible_tests: expected expressions such as 'f(2) == 4', found {wrong[0][:60]!r}"
        )
    task = Task(row.identity(), prompts.solve(row.program("prompt"), name), name, visible)
    script = Script(f"{source}\n", row.text("setup", ""), "unittest" if "TestCase" in source else "asserts")
    return Problem(task, row.text("reference", ""), script)
