"""Tests that are code of their own, made ready for the process that runs them: compiled once for all programs.

Each assert gets a line of its own, so that the line where the tests ended tells which it was, and keeps both sides of
its comparison.
"""

from __future__ import annotations

import ast
import marshal
import sys
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass

from ocinterp.errors import UsageError
from ocinterp.problems import Problem, Script, asserts, unittest_methods
from ocinterp.verifiers.inside.examining import ASSERTS, FILE, LEFT, RIGHT


@dataclass(frozen=True, slots=True)
class Prepared:
    """`packed` is what `examining` gets, `source` has the asserts. The rest is of each that is made: number, place, last line, comparison."""

    packed: bytes
    source: str
    numbers: tuple[int, ...]
    places: tuple[ast.Pass, ...]  # empty statements, each where an assert stands
    lines: tuple[int, ...]
    compares: tuple[bool, ...]

    @property
    def total(self) -> int:
        """How many asserts there are, at least 1."""
        return max(1, len(self.numbers))

    def place(self, line: int) -> int:
        """How many asserts come before the one at a line that `examining` told, or before that line."""
        if line >= ASSERTS:
            return min(line - ASSERTS, len(self.numbers) - 1)
        return min(bisect_left(self.lines, line), self.total - 1)

    def said(self, line: int, words: str, sides: list[str]) -> str:
        """The assert that was under way, in a person's words."""
        if line < ASSERTS or not self.numbers:
            return words
        place = self.place(line)
        if len(sides) == 2 and self.compares[place]:
            words = f"{words}: {sides[0]} against {sides[1]}" if words else f"{sides[0]} against {sides[1]}"
        return f"{self.written(place)}: {words}" if words else self.written(place)

    def written(self, place: int) -> str:
        """An assert as it is written, cut where it is long."""
        return _short(ast.get_source_segment(self.source, self.places[place]) or "assert")


def prepare(problem: Problem, leave_out: Collection[int]) -> Prepared:
    """The tests of a Script, without the asserts numbered so in the order of their source. UsageError for no Python."""
    script = problem.tests
    assert isinstance(script, Script)
    setup, tests = parsed(problem)
    shared = _shared(setup, tests)
    found = asserts(tests)
    kept = {number: each for number, each in enumerate(found) if number not in leave_out}
    places = tuple(ast.copy_location(ast.Pass(), each) for each in kept.values())
    lines = tuple(each.end_lineno or each.lineno for each in kept.values())
    for place, each in enumerate(kept.values()):
        _mark(each, ASSERTS + place)
    if len(kept) < len(found):
        tests = _Without({id(each) for each in found} - {id(e) for e in kept.values()}).visit(tests)
    try:
        code = compile(ast.Module([*setup.body, *tests.body], []), FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:  # `return` outside of a function
        raise _no_python(problem, error) from error
    return Prepared(
        marshal.dumps((code, shared)),
        script.source,
        tuple(kept),
        places,
        lines,
        tuple(isinstance(each.test, ast.Compare) for each in kept.values()),
    )


def parsed(problem: Problem) -> tuple[ast.Module, ast.Module]:
    """A Script's setup and source. UsageError for no Python."""
    script = problem.tests
    assert isinstance(script, Script)
    try:
        return ast.parse(script.setup), ast.parse(script.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _no_python(problem, error) from error


def _no_python(problem: Problem, error: BaseException) -> UsageError:
    return UsageError(f"the tests of {problem.task.id} are no Python: {error}")


def without_methods(source: str, leave_out: Collection[int]) -> str:
    """Unittests without the test methods numbered so in the order of their source."""
    tree = ast.parse(source)
    methods = unittest_methods(tree)
    left = {id(each) for number, each in enumerate(methods) if number in leave_out}
    if not left:
        return source
    for each in ast.walk(tree):
        if isinstance(each, ast.ClassDef):
            each.body = [node for node in each.body if id(node) not in left] or [ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(tree))


def _short(source: str) -> str:
    return source if len(source) <= 500 else source[:497] + "..."


def _mark(node: ast.Assert, line: int) -> None:
    """Have it keep the sides of a comparison, and move it to a line."""
    match node.test:
        case ast.Compare(left, [operation], [right]):
            sides = [ast.NamedExpr(ast.Name(name, ast.Store()), side) for name, side in ((LEFT, left), (RIGHT, right))]
            node.test = ast.Compare(sides[0], [operation], [sides[1]])
        case _:
            pass
    for each in ast.walk(node):
        if isinstance(each, ast.expr | ast.stmt):
            each.lineno = each.end_lineno = line
            each.col_offset = each.end_col_offset = 0


class _Without(ast.NodeTransformer):
    """Leaves asserts out."""

    def __init__(self, ids: set[int]) -> None:
        self._ids = ids

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node) if id(node) in self._ids else node


def _shared(*trees: ast.Module) -> str:
    """The classes that the tests define, and imports: what a program may get instances of. None of it is secret."""
    kept: list[ast.stmt] = [
        each for tree in trees for each in tree.body if isinstance(each, ast.ClassDef | ast.Import | ast.ImportFrom)
    ]
    return ast.unparse(ast.Module(kept, [])) if any(isinstance(each, ast.ClassDef) for each in kept) else ""


def libraries(*sources: str) -> tuple[str, ...]:
    """The top-level modules that sources import, but for the standard library's."""
    found: set[str] = set()
    for source in sources:
        try:
            nodes = list(ast.walk(ast.parse(source)))
        except SyntaxError:
            continue
        for each in nodes:
            if isinstance(each, ast.Import):
                found |= {name.name.partition(".")[0] for name in each.names}
            elif isinstance(each, ast.ImportFrom) and not each.level and each.module:
                found.add(each.module.partition(".")[0])
    return tuple(sorted(found - set(sys.stdlib_module_names)))
