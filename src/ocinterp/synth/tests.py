"""The tests that a question's source has, as they are run, and whether they say anything of a program."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ocinterp.problems import Script
from ocinterp.synth.queries import Facts
from ocinterp.tasks import syntax

_CHECK: Final = "check"  # LeetCodeDataset's and HumanEval's
_COMPLAINS: Final = (
    "assert",
    "fail",
    "raises",
)  # how functions are called that complain: unittest's, numpy's, pytest's
_RUNNERS: Final = frozenset({"unittest", "pytest"})  # whose `main` would run what is run here anyway
_Scope = Mapping[str, Sequence[ast.stmt]]  # what runs where a function is called, or a class is made use of
_FUNCTION: Final = "def {name}(*given, **named):\n    return {gives}\n"
_CLASS: Final = (
    "class {name}:\n    def __init__(self, *given, **named):\n        pass\n\n    def __getattr__(self, name):\n"
    "        if name.startswith('__'):\n            raise AttributeError(name)\n        return lambda *given, **named: {gives}\n"
)  # fmt: skip


def script(facts: Facts) -> Script | None:
    """Tests as they are run; None where there are none that say something of a program, as far as that can be seen without running them.

    Tests that are only defined are called: `check(candidate)` with the entry point (of LeetCodeDataset the method of a new `Solution`),
    and functions and classes as pytest has them; a TestCase is run as such. What is called nowhere says nothing, nor what is under
    `if __name__ == "__main__"`, nor what holds whatever a program does (`assert True`). A program of their own, or an import of one, goes
    out of the way of the one that is judged.
    """
    if not facts.entry_point or not facts.tests.strip() or (tree := syntax.tree(facts.tests)) is None:
        return None
    name = called(facts.entry_point)
    body = list(_without(tree.body, name))
    if name in {each for statement in body for each in syntax.bound(statement)}:
        return None
    source = facts.tests if body == tree.body else f"{ast.unparse(ast.Module(body, []))}\n"
    before = setup(facts)
    scope = _scope([*_statements(before), *body])
    cases = [each for each in body if isinstance(each, ast.ClassDef) and _is_case(each)]
    if any(True for each in cases for _ in _tests(each)):
        found = Script(source, before, "unittest")
        begun = [*body, *(each for one in cases for each in scope[one.name])]
    else:
        calls = "\n".join(_calls(body, scope, facts.entry_point))
        found = Script(f"{source.rstrip()}\n\n\n{calls}\n" if calls else source, before)
        begun = [*body, *_statements(calls)]
    return found if _judges(_reached(begun, scope), name) else None


def setup(facts: Facts) -> str:
    """What a source puts before its programs and its tests, but for a program of its own."""
    name = called(facts.entry_point)
    if not name or name not in facts.setup or name not in syntax.defined(facts.setup):
        return facts.setup
    return f"{ast.unparse(ast.Module(list(_without(_statements(facts.setup), name)), []))}\n"


def fault(facts: Facts) -> str:
    """Why tests cannot be run; empty where they can, and where there are none."""
    if not facts.tests.strip():
        return ""
    if facts.entry_point and syntax.expression(facts.entry_point) is None:
        return f"its entry point is no Python: {facts.entry_point[:80]!r}"
    if not (error := _error(f"{facts.setup}\n{facts.tests}")):
        return ""
    found = script(facts)  # an import from __future__ may stand in their middle
    return f"its tests are no Python: {error}" if found is None or _error(f"{found.setup}\n{found.source}") else ""


def doubtful(found: Script) -> bool:
    """Whether it takes a run to see that tests say something: all but plain asserts may hold whatever a program does."""
    return found.kind != "asserts" or not all(isinstance(each, ast.Assert) for each in _statements(found.source))


def stubs(entry_point: str) -> list[str]:
    """Programs that are no answer to anything; what passes them all says nothing."""
    form = _FUNCTION if entry_point.isidentifier() else _CLASS
    return [form.format(name=called(entry_point), gives=each) for each in ("None", "'?'")]


def called(entry_point: str) -> str:
    """The name that an entry point begins with: `Solution` of `Solution().total`."""
    return entry_point.partition("(")[0].partition(".")[0]


def _error(source: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says of invalid escapes is not about us
            compile(source, "tests", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""


def _without(body: Sequence[ast.stmt], name: str) -> Iterator[ast.stmt]:
    """Statements but for a program called so, imports of it, and what would run all tests and leave."""
    for each in body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == name:
            continue
        if isinstance(each, ast.ImportFrom):
            kept = [one for one in each.names if (one.asname or one.name) != name]
            if not kept or each.module == "__future__":
                continue
            if len(kept) < len(each.names):
                each = ast.ImportFrom(each.module, kept, each.level)
        if isinstance(each, ast.Expr) and _runs_all(each.value):
            continue
        yield each


def _runs_all(node: ast.expr) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    of = function.value if isinstance(function, ast.Attribute) and function.attr == "main" else None
    return isinstance(of, ast.Name) and of.id in _RUNNERS


def _calls(body: Sequence[ast.stmt], scope: _Scope, entry_point: str) -> Iterator[str]:
    """What calls the tests that are defined, and called nowhere."""
    defined = [each for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef) and not each.decorator_list]
    known = _names(_reached(body, scope)) if defined else ()
    for each in defined:
        if each.name in known:
            continue
        if isinstance(each, ast.ClassDef):
            if each.name.startswith("Test") and not each.bases and not _prepares(each):
                yield from (f"{each.name}().{one.name}()" for one in _tests(each) if _needed(one) == 1)
        elif each.name == _CHECK and _needed(each) <= 1:
            yield f"{_CHECK}({entry_point})" if _needed(each) else f"{_CHECK}()"
        elif each.name.startswith("test") and not _needed(each):
            yield f"{each.name}()"


def _needed(function: ast.FunctionDef) -> int:
    """How many arguments it must be given."""
    given = function.args
    return len(given.posonlyargs) + len(given.args) - len(given.defaults) + given.kw_defaults.count(None)


def _is_case(each: ast.ClassDef) -> bool:
    """Whether it is one of unittest's."""
    return any(ast.unparse(base).endswith("TestCase") for base in each.bases)


def _tests(of: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for each in of.body:
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test") and not each.decorator_list:
            yield each


def _prepares(each: ast.ClassDef) -> bool:
    """Whether something must be done before its tests."""
    names = [one.name for one in each.body if isinstance(one, ast.FunctionDef)]
    return any(one.lower().startswith(("setup", "__init__")) for one in names)


def _reached(begun: Iterable[ast.stmt], scope: _Scope) -> Iterator[ast.AST]:
    """All that runs where statements do, with the functions and classes of `scope` that are made use of on the way."""
    left: list[ast.AST] = list(begun)
    known: set[str] = set()
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue  # which does nothing until it is made use of
        if isinstance(node, ast.If) and "__name__" in syntax.read(node.test):
            continue  # tests are no program
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
        return not isinstance(node.test, ast.Constant | ast.Tuple | ast.List)
    if isinstance(node, ast.Call):
        function = node.func
        name = (
            function.attr
            if isinstance(function, ast.Attribute)
            else function.id
            if isinstance(function, ast.Name)
            else ""
        )
        return name.startswith(_COMPLAINS)
    return isinstance(node, ast.Raise)


def _statements(source: str) -> list[ast.stmt]:
    tree = syntax.tree(source) if source.strip() else None
    return tree.body if tree is not None else []
