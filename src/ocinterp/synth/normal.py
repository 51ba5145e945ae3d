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
    words: list[str] = []
    for each in function.body[1 if _is_docstring(function.body[0]) else 0 :]:
        namer.say(each, words)
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


def _walk(node: ast.AST) -> list[ast.AST]:
    """It and all below it, in some order."""
    found = [node]
    for each in found:
        found += _parts(each)
    return found


def _parts(node: ast.AST) -> list[ast.AST]:
    """What stands in it, in order; annotations, and whether a name is read or bound, do not."""
    found: list[ast.AST] = []
    for name in node._fields:
        if name in _LEFT_OUT:
            continue
        value: object = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [each for each in cast("list[object]", value) if isinstance(each, ast.AST)]
    return found


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


class _Namer:
    def __init__(self, function: ast.FunctionDef) -> None:
        bound: set[str] = set()
        for each in _walk(function):
            if isinstance(each, ast.Name):
                if not isinstance(each.ctx, ast.Load):
                    bound.add(each.id)
            elif isinstance(each, ast.arg):
                bound.add(each.arg)
            elif isinstance(each, ast.FunctionDef):
                bound.add(each.name)
        self._bound = bound
        self._numbers = {each.arg: str(at) for at, each in enumerate(_arguments(function))}

    def say(self, node: ast.AST, words: list[str]) -> None:
        """Add a node and all below it to `words`, each as two of them and an end; annotations are left out."""
        words += (type(node).__name__, self._own(node))
        for each in _parts(node):
            self.say(each, words)
        words.append(_END)

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
