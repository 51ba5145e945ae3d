"""The tests that a question's source has, as they are run, and whether they say anything of a program."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Final

from ocinterp.problems import Script
from ocinterp.synth.queries import Facts
from ocinterp.tasks import syntax

_CHECK: Final = "check"  # LeetCodeDataset's and HumanEval's
_SOLUTION: Final = "solution"  # the module that KodCode's tests import programs from
_COMPLAINS: Final = ("assert", "fail", "raises", "exit", "quit", "_exit")  # how functions begin that complain
_CATCHES: Final = frozenset({"AssertionError", "Exception", "BaseException"})  # what takes an assert's complaint
_RUNNERS: Final = frozenset({"unittest", "pytest"})  # whose `main` would run what is run here anyway
_FUTURE: Final = "__future__"
_Scope = Mapping[str, Sequence[ast.stmt]]  # what runs where a function is called, or a class is made use of
_Import = ast.Import | ast.ImportFrom
_LINE: Final = re.compile(rb"\r\n|\n|\r")  # how a line ends, as Python counts them
_FREED: Final = re.compile(r"\b(?:import|def|class|main)\b")  # without which nothing is in a program's way
_FUNCTION: Final = "def {name}(*given, **named):\n    return {gives}\n"
_CLASS: Final = """\
class {name}:
    def __init__(self, *given, **named):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **named: {gives}
"""


def script(facts: Facts) -> Script | None:
    """Tests as they are run; None where there are none that say something of a program, as far as that can be seen without running them.

    Tests that are only defined are called: `check(candidate)` with the entry point (of LeetCodeDataset the method of a new `Solution`),
    and functions and classes as pytest has them; a TestCase is run as such. What is called nowhere says nothing, nor what is under
    `if __name__ == "__main__"`, nor what holds whatever a program does (`assert True`). A program of their own, or an import of one, goes
    out of the way of the one that is judged.
    """
    name = called(facts.entry_point)
    if not name:
        return None
    before, source = hoisted(setup(facts), _freed(facts.tests, name))
    body = _statements(source)
    if name in {each for statement in body for each in syntax.bound(statement)}:
        return None
    scope = _scope([*_statements(before), *body])
    cases = _cases(body)
    if any(one.name.startswith("test") for each in cases for one in _methods(each)):
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
    return _freed(facts.setup, name) if name and name in facts.setup else facts.setup


def hoisted(before: str, source: str) -> tuple[str, str]:
    """Two texts of which the second follows on the first, as one program: imports from the future are at its head."""
    if not before.strip() or _FUTURE not in source:
        return before, source
    found = [each for each in _statements(source) if isinstance(each, ast.ImportFrom) and each.module == _FUTURE]
    head = "".join(f"{ast.unparse(each)}\n" for each in found)
    return f"{head}{before}", _replaced(source, dict.fromkeys(found, "pass"))


def fault(facts: Facts) -> str:
    """Why tests cannot be run; empty where they can, and where there are none."""
    if not facts.tests.strip():
        return ""
    if facts.entry_point and syntax.expression(facts.entry_point) is None:
        return f"its entry point is no Python: {facts.entry_point[:80]!r}"
    before, source = hoisted(facts.setup, facts.tests)
    error = _error(f"{before}\n{source}")
    return f"its tests are no Python: {error}" if error else ""


def doubtful(found: Script, name: str) -> bool:
    """Whether it takes a run to see that tests say something: nothing passes an assert that compares what the program gives."""
    return found.kind != "asserts" or not any(_compares(each, name) for each in _statements(found.source))


def stubs(entry_point: str) -> list[str]:
    """Programs that are no answer to anything; what passes them all says nothing."""
    name = called(entry_point)
    form = _FUNCTION if entry_point == name and not name[:1].isupper() else _CLASS
    return [form.format(name=name, gives=each) for each in ("None", "'?'")]


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


def _freed(source: str, name: str) -> str:
    """Source without a program called so, without imports of it, and without what would run all tests and leave."""
    tree = syntax.tree(source) if _FREED.search(source) else None
    if tree is None:
        return source
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]
    top = {*tree.body}
    given = {each.module for each in imports if isinstance(each, ast.ImportFrom) and name in _aliases(each)}
    homes = {_SOLUTION, *(each for each in given if each and not _is_there(each))}
    gone: dict[ast.stmt, str] = {}
    for each in imports:
        if isinstance(each, ast.Import):
            kept = [one for one in each.names if one.name not in homes]
        elif each.module in homes:
            kept = []
        elif name in _aliases(each) and (each in top or not _is_there(each.module or "")):
            kept = [one for one in each.names if (one.asname or one.name) != name]
        else:
            continue
        if len(kept) < len(each.names):
            gone[each] = _import(each, kept) if kept else "pass"
    for each in tree.body:
        own = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == name
        if own or (isinstance(each, ast.Expr) and any(map(_runs_all, ast.walk(each)))):
            gone[each] = "pass"
    return _replaced(source, gone)


def _is_there(module: str) -> bool:
    """Whether it is a module of somebody else's, and not where a program's authors had it."""
    first = module.partition(".")[0]
    known = first in sys.stdlib_module_names
    return known or (first.isidentifier() and first != "__main__" and find_spec(first) is not None)


def _aliases(each: ast.ImportFrom) -> set[str]:
    return {one.asname or one.name for one in each.names}


def _import(each: _Import, names: list[ast.alias]) -> str:
    return ast.unparse(
        ast.Import(names) if isinstance(each, ast.Import) else ast.ImportFrom(each.module, names, each.level)
    )


def _replaced(source: str, statements: Mapping[ast.stmt, str]) -> str:
    """Source with something else where statements were."""
    data = source.encode("utf-8", "surrogatepass")
    starts = [0, *(each.end() for each in _LINE.finditer(data))]
    places = [
        (
            starts[min([each.lineno, *(one.lineno for one in getattr(each, "decorator_list", ()))]) - 1]
            + each.col_offset,
            starts[(each.end_lineno or each.lineno) - 1] + (each.end_col_offset or 0),
            other,
        )
        for each, other in statements.items()
    ]
    for start, end, other in sorted(places, reverse=True):
        data = data[:start] + other.encode() + data[end:]
    return data.decode("utf-8", "surrogatepass")


def _runs_all(node: ast.AST) -> bool:
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
            if each.name.startswith("Test") and _is_plain(each):
                tests = [one for one in _methods(each) if one.name.startswith("test") and not one.decorator_list]
                yield from (f"{each.name}().{one.name}()" for one in tests if _needed(one) == 1)
        elif each.name == _CHECK and _needed(each) <= 1:
            yield f"{_CHECK}({entry_point})" if _needed(each) else f"{_CHECK}()"
        elif each.name.startswith("test") and not _needed(each):
            yield f"{each.name}()"


def _needed(function: ast.FunctionDef) -> int:
    """How many arguments it must be given."""
    given = function.args
    return len(given.posonlyargs) + len(given.args) - len(given.defaults) + given.kw_defaults.count(None)


def _methods(of: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    yield from (each for each in of.body if isinstance(each, ast.FunctionDef))


def _is_plain(each: ast.ClassDef) -> bool:
    """Whether its tests need nothing that is done before them."""
    bases = {ast.unparse(base) for base in each.bases}
    return bases <= {"object"} and not any(one.name.lower().startswith(("setup", "__init__")) for one in _methods(each))


def _cases(body: Sequence[ast.stmt]) -> list[ast.ClassDef]:
    """The classes of unittest, also by another name, or by way of each other."""
    names = {
        one.asname or one.name
        for each in body
        if isinstance(each, ast.ImportFrom) and each.module == "unittest"
        for one in each.names
        if one.name.endswith("TestCase")
    }
    found: list[ast.ClassDef] = []
    for each in body:
        if isinstance(each, ast.ClassDef):
            bases = {ast.unparse(base) for base in each.bases}
            if bases & names or any(base.endswith("TestCase") for base in bases):
                names.add(each.name)
                found.append(each)
    return found


def _reached(begun: Iterable[ast.stmt], scope: _Scope) -> Iterator[ast.AST]:
    """All that runs where statements do, with the functions and classes of `scope` that are made use of on the way.

    Without complaints in what is tried by somebody who takes them and says nothing.
    """
    left: list[tuple[ast.AST, bool]] = [(each, False) for each in begun]  # and whether somebody takes its complaints
    known: set[tuple[str, bool]] = set()
    while left:
        node, taken = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue  # which does nothing until it is made use of
        if isinstance(node, ast.If) and "__name__" in syntax.read(node.test):
            continue  # tests are no program
        if not (taken and _complains(node)):
            yield node
        if isinstance(node, ast.Try) and any(map(_swallows, node.handlers)):
            left += [(each, True) for each in node.body]
            left += [(each, taken) for each in (*node.handlers, *node.orelse, *node.finalbody)]
        else:
            takes = isinstance(node, ast.With) and any(_suppresses(each.context_expr) for each in node.items)
            left += [(each, taken or takes) for each in ast.iter_child_nodes(node)]
        if isinstance(node, ast.Name) and (node.id, taken) not in known:
            known.add((node.id, taken))
            left += [(each, taken) for each in scope.get(node.id, ())]


def _swallows(handler: ast.ExceptHandler) -> bool:
    caught = _CATCHES if handler.type is None else syntax.read(handler.type) & _CATCHES
    return bool(caught) and not any(_complains(each) for one in handler.body for each in ast.walk(one))


def _suppresses(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("suppress")
        and bool(syntax.read(node) & _CATCHES)
    )


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
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name.startswith(_COMPLAINS)
    return isinstance(node, ast.Raise)


def _compares(statement: ast.stmt, name: str) -> bool:
    """Whether it is an assert that what a program gives is equal to, or among, what does not come of it."""
    test = statement.test if isinstance(statement, ast.Assert) else None
    if not isinstance(test, ast.Compare) or len(test.ops) > 1 or not isinstance(test.ops[0], ast.Eq | ast.Is | ast.In):
        return False
    sides = (test.left, *test.comparators)
    return sum(name in syntax.read(each) for each in sides) == 1 and any(isinstance(each, ast.Call) for each in sides)


def _statements(source: str) -> list[ast.stmt]:
    tree = syntax.tree(source) if source.strip() else None
    return tree.body if tree is not None else []
