"""The tests that a question's source has, as they are run, and whether they say anything of a program."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ocinterp.problems import Script, unittest_methods
from ocinterp.synth.queries import Facts
from ocinterp.tasks import syntax

_CHECK: Final = "check"  # LeetCodeDataset's and HumanEval's
_COMPLAINS: Final = ("assert", "fail", "raises")  # how names begin of what complains: unittest's, numpy's, pytest's
_Scope = Mapping[str, Sequence[ast.stmt]]  # what runs where a function is called, or a class is made use of


def script(facts: Facts) -> Script | None:
    """Tests as they are run; None where there are none that say something of a program.

    Tests that are only defined are called: `check(candidate)` with the entry point (of LeetCodeDataset the method of a new `Solution`),
    and functions as pytest has them; a TestCase is run as such. What is called nowhere says nothing, nor does what holds whatever a
    program does (`assert True`).
    """
    if not facts.entry_point or not facts.tests.strip() or (tree := syntax.tree(facts.tests)) is None:
        return None
    scope = _scope([*_statements(facts.setup), *tree.body])
    cases = [each for each in tree.body if isinstance(each, ast.ClassDef) and each.bases]
    if unittest_methods(ast.Module(list(cases), [])):
        found = Script(facts.tests, facts.setup, "unittest")
        begun = [*tree.body, *(each for one in cases for each in scope[one.name])]
    else:
        calls = "\n".join(_calls(tree, scope, facts.entry_point))
        found = Script(f"{facts.tests.rstrip()}\n\n\n{calls}\n" if calls else facts.tests, facts.setup)
        begun = [*tree.body, *_statements(calls)]
    return found if _judges(_reached(begun, scope), called(facts.entry_point)) else None


def fault(facts: Facts) -> str:
    """Why tests cannot be run; empty where they can, and where there are none."""
    if not facts.tests.strip():
        return ""
    if facts.entry_point and syntax.expression(facts.entry_point) is None:
        return f"its entry point is no Python: {facts.entry_point[:80]!r}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says of invalid escapes is not about us
            compile(f"{facts.setup}\n{facts.tests}", "tests", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"its tests are no Python: {error}"
    return ""


def called(entry_point: str) -> str:
    """The name that an entry point begins with: `Solution` of `Solution().total`."""
    return entry_point.partition("(")[0].partition(".")[0]


def _calls(tree: ast.Module, scope: _Scope, entry_point: str) -> Iterator[str]:
    """What calls the tests that are defined, and called nowhere."""
    functions = [each for each in tree.body if isinstance(each, ast.FunctionDef) and not each.decorator_list]
    known = _names(_reached(tree.body, scope)) if functions else ()
    for each in functions:
        if each.name in known:
            continue
        given = each.args
        needed = len(given.posonlyargs) + len(given.args) - len(given.defaults) + given.kw_defaults.count(None)
        if each.name == _CHECK and needed == 1:
            yield f"{_CHECK}({entry_point})"
        elif each.name.startswith("test") and not needed:
            yield f"{each.name}()"


def _reached(begun: Iterable[ast.stmt], scope: _Scope) -> Iterator[ast.AST]:
    """All that runs where statements do, with the functions and classes of `scope` that are made use of on the way."""
    left: list[ast.AST] = list(begun)
    known: set[str] = set()
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue  # which does nothing until it is made use of
        yield node
        left += ast.iter_child_nodes(node)
        if isinstance(node, ast.Name) and node.id not in known:
            known.add(node.id)
            left += scope.get(node.id, ())


def _scope(body: Sequence[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """What runs where a function is called: all in it, with the functions within it; of a class all that its methods do."""
    found: dict[str, list[ast.stmt]] = {}
    for each in body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            functions = [one for one in ast.walk(each) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            found[each.name] = [*each.body, *(inner for one in functions if one is not each for inner in one.body)]
    return found


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


def _judges(run: Iterable[ast.AST], name: str) -> bool:
    """Whether what runs makes use of a program, and complains of it."""
    used = complains = False
    for each in run:
        used = used or (isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Load))
        complains = complains or _complains(each)
        if used and complains:
            return True
    return False


def _complains(node: ast.AST) -> bool:
    """Whether something fails there, if it is not as it should be."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return isinstance(node, ast.Raise) or name.startswith(_COMPLAINS)


def _statements(source: str) -> list[ast.stmt]:
    tree = syntax.tree(source) if source.strip() else None
    return tree.body if tree is not None else []
