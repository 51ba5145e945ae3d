"""The published datasets themselves: what is known of them is so, and their references and examples agree."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import textwrap
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ocinterp.problems import Benchmark, Calls, Problem, Script
from ocinterp.tasks import catalogue, store, syntax, texts

PLAIN = ("humaneval", "humanevalfix", "humanevalpack-python", "quixbugs", "mbpp-sanitized", "mbpp")
EVALPLUS = ("humaneval+@0.1.9", "humaneval+@0.1.10", "mbpp+@0.1.0", "mbpp+@0.2.0")


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All published datasets that are among the test data, imported."""
    if not (data / "benchmarks").is_dir():
        pytest.skip(f"no benchmarks in {data}")
    kept = tmp_path_factory.mktemp("datasets")
    for path in store.candidates(data / "benchmarks"):
        text = texts.load(path)
        if catalogue.having(texts.md5(text)):
            store.add(text, str(path), kept)
    return kept


def opened(name: str, folder: Path) -> Benchmark:
    found = catalogue.find(name)
    if found is None or all(entry.md5 is None for entry in store.entries(folder) if entry.dataset == found):
        pytest.skip(f"{name} is not among the test data")
    return loaded(found.full_name, folder)


@cache
def loaded(name: str, folder: Path) -> Benchmark:
    return store.load(name, folder)


def run(*sources: str) -> dict[str, Any]:
    """The names after the sources have run, in one namespace; they are the benchmark's own."""
    names: dict[str, Any] = {"__name__": "program"}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for source in sources:
            exec(compile(source, "<benchmark>", "exec", dont_inherit=True), names)
    return names


def holds(expression: str, names: dict[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(eval(compile(expression, "<example>", "eval", dont_inherit=True), names))


def test_everything_imported_is_sound(folder: Path) -> None:
    found = {dataset.full_name: faults for dataset, faults in store.verify(folder)}
    assert found
    assert [name for name, faults in found.items() if faults] == []


@pytest.mark.parametrize("name", [*PLAIN, *EVALPLUS])
def test_the_reference_fulfils_every_example_that_is_shown(folder: Path, name: str) -> None:
    benchmark = opened(name, folder)
    wrong: list[str] = []
    for each in benchmark.problems.values():
        names = run(each.reference)
        wrong += [f"{each.task.id}: {test}" for test in each.task.visible_tests if not holds(test, names)]
    assert wrong == []


SHOWN = {
    "humaneval": 139, "humaneval+@0.1.10": 139, "humanevalfix": 139, "quixbugs": 24,
    "mbpp": 967, "mbpp-sanitized": 425, "mbpp+@0.1.0": 385, "mbpp+@0.2.0": 376,
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_most_tasks_show_a_test(folder: Path, name: str) -> None:
    problems = opened(name, folder).problems.values()
    assert sum(bool(each.task.visible_tests) for each in problems) == SHOWN[name]


@pytest.mark.parametrize("name", PLAIN)
def test_the_reference_passes_its_script(folder: Path, name: str) -> None:
    for each in list(opened(name, folder).problems.values())[::4]:
        assert isinstance(each.tests, Script)
        run(each.reference, each.tests.setup, each.tests.source)


def test_the_buggy_programs_of_humanevalfix_do_not_pass(folder: Path) -> None:
    for each in opened("humanevalfix", folder).problems.values():
        (message,) = each.task.prompt
        program = message.content.partition("```python\n")[2].partition("\n```")[0]
        assert syntax.tree(program) is not None
        assert program != each.reference.strip()
        assert each.task.entry_point in syntax.defined(program)


@pytest.mark.parametrize("name", PLAIN)
def test_what_a_script_needs_is_in_the_program_or_beside_the_tests(folder: Path, name: str) -> None:
    for each in opened(name, folder).problems.values():
        assert isinstance(each.tests, Script)
        beside = ast.parse(f"{each.tests.setup}\n{each.tests.source}")
        lacking = syntax.free(beside) - set(syntax.defined(f"{each.tests.setup}\n{each.tests.source}"))
        assert lacking - imported_within(beside) <= {each.task.entry_point, *helpers_of_mbpp(each)}, each.task.id


def imported_within(tree: ast.AST) -> set[str]:
    nodes = (each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom))
    return {(alias.asname or alias.name).partition(".")[0] for node in nodes for alias in node.names}


def helpers_of_mbpp(problem: Problem) -> set[str]:
    """MBPP's asserts may call anything the reference defines, and so does what is to be written."""
    return set(syntax.defined(problem.reference)) if problem.task.id.startswith("Mbpp/") else set()


def test_the_entry_points_of_mbpp_are_those_that_evalplus_names(folder: Path) -> None:
    named = opened("mbpp+@0.1.0", folder).problems
    differing = {
        task: each.task.entry_point
        for task, each in opened("mbpp-sanitized", folder).problems.items()
        if task in named and each.task.entry_point != named[task].task.entry_point
    }
    assert differing == {}


def contracts(folder: Path, name: str) -> Iterator[tuple[Problem, str]]:
    """The problems with the conditions that EvalPlus puts on a task's arguments, as a function of them."""
    benchmark = opened(name, folder)
    for line in texts.load(folder / f"{benchmark.md5}.gz").decode().split("\n"):
        if not line.strip():
            continue
        row: dict[str, Any] = json.loads(line)
        problem = benchmark.problems[row["task_id"]]
        program = syntax.tree(problem.reference)
        assert program is not None
        functions = [each for each in program.body if isinstance(each, ast.FunctionDef)]
        (function,) = [each for each in functions if each.name == problem.task.entry_point]
        conditions = textwrap.indent(textwrap.dedent(row["contract"]).strip() or "pass", "    ")
        yield problem, f"def fulfilled({ast.unparse(function.args)}):\n{conditions}\n"


# Calls that break the contract of their own task, in the data itself.
BROKEN = {
    "humaneval+@0.1.9": {
        "HumanEval/1",
        "HumanEval/28",
        "HumanEval/32",
        "HumanEval/99",
        "HumanEval/116",
        "HumanEval/160",
    },
    "humaneval+@0.1.10": {"HumanEval/32", "HumanEval/116"},
    "mbpp+@0.1.0": {"Mbpp/267", "Mbpp/734"},
    "mbpp+@0.2.0": {"Mbpp/267", "Mbpp/734"},
}


@pytest.mark.parametrize("name", EVALPLUS)
def test_every_call_has_the_types_that_the_contract_of_its_task_asks_for(folder: Path, name: str) -> None:
    refused: set[str] = set()
    number = 0
    for problem, contract in contracts(folder, name):
        fulfilled = run(problem.reference, contract)["fulfilled"]
        assert isinstance(problem.tests, Calls)
        for arguments in problem.tests:
            number += 1
            try:
                fulfilled(*arguments)
            except (AssertionError, TypeError, LookupError):
                refused.add(problem.task.id)
    dataset = catalogue.find(name)
    assert dataset is not None
    assert number == dataset.tests
    assert refused == BROKEN[name]
