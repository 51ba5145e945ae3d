"""Functions by what they do and not by what they call things: two that differ in names, comments and layout are one."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from typing import Final, cast

from ocinterp.tasks import syntax

_BLOCK: Final = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_END: Final = "."  # of a node
_LEFT_OUT: Final = frozenset({"returns", "annotation", "type_comment", "ctx"})
_LEAST: Final = 7  # nodes of a body: shorter ones, such as `return a + b`, are everybody's

_ASIDE: Final = re.compile(
    r'''[rbfuRBFU]{0,2}("""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|\#[^\n]*''',
    re.DOTALL,
)  # strings and comments
_DEF: Final = re.compile(
    r"^([ \t]*)def \w+\(.*?\)(?:[ \t]*->[^\n]*?)?:[ \t]*\n((?:[ \t]*\n|\1[ \t]+[^\n]*\n)+)", re.DOTALL | re.MULTILINE
)
_SIGN: Final = re.compile(
    r"\b(?:and|or|not|in|is|if|elif|else|for|while|return|yield|break|continue|pass|try|except|finally|raise|with|lambda"
    r"|assert|del|import|from|global|nonlocal)\b|[-+*/%<>=!&|^~]+"
)


def blocks(text: str) -> list[str]:
    """The blocks of code of an answer; all of it, where it has none and defines something."""
    found = _BLOCK.findall(text)
    return found or ([text] if "def " in text else [])


def functions(source: str) -> Iterator[ast.FunctionDef]:
    """The functions at the top level of a program, and of its classes. None where it is no Python."""
    tree = syntax.tree(source) if "def " in source else None
    for statement in tree.body if tree is not None else ():
        inner = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        yield from (each for each in inner if isinstance(each, ast.FunctionDef))


def normal_hash(function: ast.FunctionDef) -> str:
    """Of the body, with names by the order in which they first occur and without docstrings; empty for a short one.

    Names that the function does not bind keep theirs: `sorted` is not `reversed`. Attributes too.
    """
    namer = _Namer(function)
    body = [each for at, each in enumerate(function.body) if not (at == 0 and _is_docstring(each))]
    words = [word for each in body for word in namer.words(each)]
    if words.count(_END) < _LEAST:
        return ""
    return hashlib.blake2b("\n".join(words).encode(errors="surrogatepass"), digest_size=10).hexdigest()


def hashes(source: str) -> dict[str, ast.FunctionDef]:
    """Those of the functions of a program."""
    found = {normal_hash(each): each for each in functions(source)}
    found.pop("", None)
    return found


def sketches(source: str) -> set[str]:
    """For each function, its keywords and operators in a row: equal wherever `normal_hash` is, at a tenth of its price.

    Told from the text alone; where it is laid out in an unusual way, a function may be missed.
    """
    if "def " not in source:
        return set()
    plain = _ASIDE.sub(" ", source)
    return {" ".join(_SIGN.findall(found[2])) for found in _DEF.finditer(f"{plain}\n")}


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


class _Namer:
    def __init__(self, function: ast.FunctionDef) -> None:
        bound = {each.arg for each in ast.walk(function) if isinstance(each, ast.arg)}
        for each in ast.walk(function):
            if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
                bound.add(each.id)
            elif isinstance(each, ast.FunctionDef):
                bound.add(each.name)
        self._bound = bound
        self._numbers = {each.arg: str(at) for at, each in enumerate(_arguments(function))}

    def words(self, node: ast.AST) -> Iterator[str]:
        """A node and all below it, each as a word; annotations are left out."""
        yield type(node).__name__
        yield self._own(node)
        for name, value in ast.iter_fields(node):
            if name not in _LEFT_OUT:
                inner = cast("list[object]", value) if isinstance(value, list) else [value]
                for each in inner:
                    if isinstance(each, ast.AST):
                        yield from self.words(each)
        yield _END

    def _own(self, node: ast.AST) -> str:
        """What a node says beside its kind and its parts."""
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                return self._name(name)
            case ast.Attribute(attr=name):
                return name
            case ast.keyword(arg=name):
                return name or ""
            case ast.Constant(value=value):
                return repr(value)
            case _:
                return ""

    def _name(self, name: str) -> str:
        if name not in self._bound:
            return f"={name}"
        return self._numbers.setdefault(name, str(len(self._numbers)))


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    given = function.args
    more = [each for each in (given.vararg, given.kwarg) if each is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *more]
