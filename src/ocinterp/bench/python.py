"""What a Python program's top level holds: which names each statement binds and reads. Only parsed, never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PARSE_LIMIT = 200_000  # characters; a tree takes up to 600 bytes a character

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


def parse(source: str) -> ast.Module:
    """The tree of `source`. Raises SyntaxError, and nothing else, with the number of the line where Python knows it."""
    if len(source) > PARSE_LIMIT:
        raise SyntaxError("too long to look at")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:  # NUL, lone surrogates; deep nesting is the others
        raise SyntaxError(str(error)) from error
    stray = next((each.lineno for each in tree.body if isinstance(each, ast.Return)), None)
    if stray is not None:  # a tree, but no program
        raise SyntaxError("'return' outside function", ("", stray, 0, ""))
    return tree


@dataclass(frozen=True, slots=True)
class Names:
    """What a statement of the top level does with the module's names.

    `binds` are those it gives a value, or changes a part of (`table[0] = 1`); `reads` those that it or a function in
    it may look up, builtins included and a function's own variables left out.
    """

    binds: frozenset[str]
    reads: frozenset[str]


def names(statement: ast.stmt) -> Names:
    """The module's names that `statement` binds and reads."""
    return Names(frozenset(_bound([statement])), frozenset(_read(statement)))


def holds(tree: ast.Module, name: str) -> bool:
    """Whether the top level of a program binds `name`; any program holds the empty name."""
    return not name or any(name in _bound([statement]) for statement in tree.body)


def is_stub(tree: ast.Module, name: str) -> bool:
    """Whether the last function `name` has nothing in it but a docstring, `pass` or `...`."""
    found = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name]
    return bool(found) and all(_is_idle(statement) for statement in found[-1].body)


def _is_idle(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that `nodes` bind in their own scope."""
    for node in _own(nodes):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                yield from _owner(node)
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case _:
                pass


def _own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """`nodes` and all in them, but nothing of what is in a function or a class."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))


def _owner(node: ast.AST) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _read(statement: ast.stmt) -> Iterator[str]:
    waiting: list[tuple[ast.AST, frozenset[str]]] = [(statement, frozenset())]
    while waiting:
        node, local = waiting.pop()
        if isinstance(node, ast.Name) and node.id not in local:
            yield node.id
        body: list[ast.AST] = []
        if isinstance(node, _FUNCTIONS):
            body = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
            inner = local | _locals(node, body)
            waiting += [(child, inner) for child in body]
        inside = set(map(id, body))
        waiting += [(child, local) for child in ast.iter_child_nodes(node) if id(child) not in inside]


def _locals(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, body: list[ast.AST]) -> frozenset[str]:
    arguments = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
    shared = {name for node in _own(body) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    stored = {node.id for node in _own(body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    nested = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    return frozenset((arguments | stored | nested) - shared)
