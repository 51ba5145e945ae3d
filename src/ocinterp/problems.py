"""Tasks of a benchmark together with what judges them. Of a Problem a model may see nothing but its Task."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ocinterp.types import Task

Arguments = tuple[Any, ...]  # of one call: plain values (None, numbers, str, bytes, list, tuple, dict, set, ...)


@dataclass(frozen=True, slots=True)
class Calls:
    """Tests as calls of the entry point; what is expected is what the reference answers (EvalPlus).

    `base` are the benchmark's own tests, `plus` those that were added. `tolerance` is absolute, 0 where answers must be
    equal (`atol` of the data).
    """

    base: tuple[Arguments, ...]
    plus: tuple[Arguments, ...] = ()
    tolerance: float = 0.0

    def __iter__(self) -> Iterator[Arguments]:
        yield from self.base
        yield from self.plus


@dataclass(frozen=True, slots=True)
class Script:
    """Tests as code that calls the program: asserts, or a unittest.TestCase.

    `setup` runs before the tests and beside them (imports, helpers of the benchmark's own), never beside the program.
    """

    source: str
    setup: str = ""
    kind: Literal["asserts", "unittest"] = "asserts"


def asserts(tree: ast.AST) -> list[ast.Assert]:
    """Those of a Script of that kind, in the order of its source: the number of a test is its place among them."""
    found = [each for each in ast.walk(tree) if isinstance(each, ast.Assert)]
    return sorted(found, key=lambda each: (each.lineno, each.col_offset))


def unittest_methods(tree: ast.AST) -> list[ast.FunctionDef]:
    """Those of the classes in a Script of unittests, in the order of its source: likewise."""
    classes = [each for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    found = [each for node in classes for each in node.body if isinstance(each, ast.FunctionDef)]
    return sorted((each for each in found if each.name.startswith("test")), key=lambda each: each.lineno)


@dataclass(frozen=True, slots=True)
class Problem:
    """One task, a program that solves it, and its tests.

    `stem` is the code that a completion continues (HumanEval's prompt), empty where an answer is a whole program.
    """

    task: Task
    reference: str  # a whole program
    tests: Calls | Script
    stem: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Problems under one name, and which text they were read from.

    `md5` is of the uncompressed text, as EvalPlus names datasets; `known`: it is one that was published under this name
    and version.
    """

    name: str
    version: str
    md5: str
    problems: dict[str, Problem]  # by task id, in the order of the text
    known: bool = True
