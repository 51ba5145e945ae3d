"""QuixBugs (jkoppel/QuixBugs, in the rows of bigcode-project/octopack): small classics, each with one wrong line."""

from __future__ import annotations

from ocinterp.problems import Problem, Script
from ocinterp.tasks import examples, prompts
from ocinterp.tasks.rows import Row
from ocinterp.types import Task


def read(row: Row) -> Problem:
    """A row: the buggy program is shown with what it should do, the tests are not."""
    name = row.identity("name")
    words = row.text("docstring", "").strip().strip('"').strip()
    visible = examples.of_text(words, name)
    task = Task(f"QuixBugs/{name}", prompts.repair(row.program("buggy_program"), name, words), name, visible)
    return Problem(task, row.program("solution"), Script(row.program("tests")))
