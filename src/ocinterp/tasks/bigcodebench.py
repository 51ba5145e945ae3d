"""BigCodeBench (bigcode-project): functions that use libraries; tests are a unittest.TestCase."""

from __future__ import annotations

from ocinterp.problems import Problem, Script
from ocinterp.tasks import prompts, syntax
from ocinterp.tasks.rows import Row
from ocinterp.types import Task


def read(row: Row) -> Problem:
    """A row of the full set or of Hard. No example is shown as a test: most need files, figures or several statements."""
    prompt, name, test = row.program("complete_prompt"), row.program("entry_point"), row.program("test")
    setup = syntax.helpers(row.text("code_prompt", prompt) + "    pass\n", name, test)
    task = Task(row.identity(), prompts.complete(prompt, name), name)
    return Problem(task, row.program("canonical_solution", prompt), Script(test, setup, "unittest"), stem=prompt)
