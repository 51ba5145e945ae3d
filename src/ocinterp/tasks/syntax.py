"""What can be told from Python source without running it."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterator
from typing import Literal

from ocinterp.problems import asserts, unittest_methods

_BUILTIN = frozenset(dir(builtins))
_WORD = re.compile(r"[^\W\d]\w*")


def tree(source: str) -> ast.Module | None:
    """The syntax tree of a program; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says of invalid escapes is not about us
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def expression(source: str) -> ast.expr | None:
    """The syntax tree of one expression; None where it is none."""
    found = tree(source.strip())
    if found is None or len(found.body) != 1 or not isinstance(found.body[0], ast.Expr):
        return None
    return found.body[0].value


def is_literal(node: ast.AST) -> bool:
    """Whether it is a value written out, which nothing needs to run to know."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def defined(program: str) -> tuple[str, ...]:
    """The names that the statements of a program define at its top level; nothing where it is no program."""
    found = tree(program)
    return tuple(name for statement in found.body for name in bound(statement)) if found is not None else ()


def read(node: ast.AST) -> frozenset[str]:
    """The names that are read somewhere in it, and the attributes' first parts."""
    return frozenset(
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    )


def free(node: ast.AST) -> frozenset[str]:
    """The names it reads that are neither built in nor bound anywhere in it (comprehensions, lambdas)."""
    bound = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    bound |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    return read(node) - bound - _BUILTIN


def helpers(program: str, entry_point: str, needed_by: str) -> str:
    """The statements of a program that `needed_by` needs beside the entry point: helpers, constants, imports.

    HumanEval's tests of decode_cyclic call encode_cyclic, which stands in the prompt; an answer need not repeat it.
    """
    whole = tree(program)
    if whole is None:
        return ""
    needed = set(_WORD.findall(needed_by))  # more than are read, but 10 times as fast as a look at its syntax tree
    kept: list[ast.stmt] = []
    for statement in reversed(whole.body):
        names = set(bound(statement))
        if names & needed and entry_point not in names:
            kept.append(statement)
            needed |= read(statement)
    return "\n\n".join(ast.get_source_segment(program, each) or "" for each in reversed(kept))


def bound(statement: ast.stmt) -> Iterator[str]:
    """What a statement of the top level binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from ((each.asname or each.name).partition(".")[0] for each in statement.names)
    else:
        yield from (
            each.id for each in ast.walk(statement) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        )


def count(tests: str, kind: Literal["asserts", "unittest"]) -> int:
    """How many asserts, or test methods of classes, are written in it."""
    found = tree(tests)
    if found is None:
        return 0
    return len(asserts(found) if kind == "asserts" else unittest_methods(found))
