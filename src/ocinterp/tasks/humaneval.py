"""HumanEval (openai/human-eval) and HumanEvalPack's Python (bigcode-project/octopack): tests are a `check` function."""

from __future__ import annotations

from ocinterp.problems import Problem, Script
from ocinterp.tasks import examples, prompts, syntax
from ocinterp.tasks.rows import Row
from ocinterp.types import Task

# Examples that the benchmark's own references do not fulfil, found by running them: 47 and 116 state wrong values, 130
# tells of another function of the same name, 148 lacks the comma of a tuple.
_MISTAKEN = frozenset({
    "median([-10, 4, 6, 1000, 10, 20]) == 15.0",
    "sort_array([1, 5, 2, 3, 4]) == [1, 2, 3, 4, 5]",
    "sort_array([-2, -3, -4, -5, -6]) == [-6, -5, -4, -3, -2]",
    "tri(1) == 3",
    "tri(4) == 3",
    'bf("Earth", "Mercury") == "Venus"',
})  # fmt: skip


def read(row: Row) -> Problem:
    """A row of HumanEval, or of HumanEvalPack as a task to write the function."""
    prompt, name = row.program("prompt"), row.program("entry_point")
    task = Task(row.identity(), prompts.complete(prompt, name), name, shown(prompt, name))
    return Problem(task, row.program("canonical_solution", prompt), _script(row, prompt, name), stem=prompt)


def read_fix(row: Row) -> Problem:
    """A row of HumanEvalPack as a task to repair the function (HumanEvalFix, with docstrings): no test is shown."""
    prompt, name = row.program("prompt"), row.program("entry_point")
    buggy = row.program("buggy_solution", prompt)
    task = Task(row.identity(), prompts.repair(buggy, name), name, shown(prompt, name))
    return Problem(task, row.program("canonical_solution", prompt), _script(row, prompt, name))


def shown(prompt: str, entry_point: str) -> tuple[str, ...]:
    """The examples in a prompt of HumanEval, without those that are mistaken."""
    return tuple(each for each in examples.of_docstring(prompt, entry_point) if each not in _MISTAKEN)


def _script(row: Row, prompt: str, entry_point: str) -> Script:
    """The tests, called (HumanEval leaves that to who runs them), beside the prompt's helpers that they use."""
    test = row.program("test").strip("\n")
    call = f"check({entry_point})"
    if not test.endswith(call):
        test = f"{test}\n\n\n{call}"
    return Script(f"{test}\n", setup=syntax.helpers(prompt, entry_point, test))
