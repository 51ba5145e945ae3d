"""The program in a model's answer: found by parsing, never by patterns in code.

An answer is read in this order, and the first reading that holds the entry point decides: the text as it stands; the
longest beginning of it that is a program; the fences in it that are programs, together; the longest range of lines
that is a program, in a fence or anywhere. From what is found, the demonstrations and tests are cut out.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from ocinterp.bench.python import Names, holds, is_stub, names, parse
from ocinterp.parse import extract_cells

_LINES_LIMIT = 400_000  # characters of an answer that is searched line by line
_PARSES = 1_500
_PARSED = 8_000_000  # characters in all; the worst of eleven texts made for it took 1.3 s

_TALKS = {"print", "input", "exit", "quit"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def sanitize(text: str, entry_point: str) -> str:
    """The program in `text` that defines `entry_point`, without demonstrations; `text` itself where there is none.

    A program that has nothing but what its entry point may need comes back as it is, to the letter.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for source in _readings(text, entry_point):
        tree = _tree(source)
        if tree is not None and holds(tree, entry_point):
            return _without_demonstrations(source, tree, entry_point)
    return text


def _readings(text: str, entry_point: str) -> Iterator[str]:
    yield text
    if len(text) > _LINES_LIMIT:
        return
    search = _Search(entry_point)
    beginning = search.beginning(text)
    tree = _tree(beginning)
    if tree is not None and holds(tree, entry_point) and not is_stub(tree, entry_point):
        yield beginning
    cells = [cell.source for cell in extract_cells(text) if cell.language == "python"]
    yield "\n\n".join(source for source in cells if _tree(source) is not None)
    yield from search.longest(cells)
    yield from search.longest([text])


def _tree(source: str) -> ast.Module | None:
    try:
        return parse(source)
    except SyntaxError:
        return None


class _Search:
    """Looks for ranges of lines that parse, with as much patience as `_PARSES` and `_PARSED` say."""

    def __init__(self, entry_point: str) -> None:
        self._entry_point = entry_point
        self._parses = _PARSES
        self._characters = _PARSED

    def beginning(self, text: str) -> str:
        """The longest beginning of `text`, in whole lines, that parses."""
        lines = text.split("\n")
        return "\n".join(lines[: self._end(lines, 0)])

    def longest(self, sources: Iterable[str]) -> Iterator[str]:
        """The range of most lines, if there is any, that parses and holds the entry point."""
        found = [each for source in sources for each in self._ranges(source.split("\n"))]
        trees = ((each, _tree(each)) for each in sorted(found, key=lambda each: -each.count("\n")))
        yield from (each for each, tree in trees if tree is not None and holds(tree, self._entry_point))

    def _ranges(self, lines: Sequence[str]) -> Iterator[str]:
        start = 0
        while start < len(lines) and self._patient():
            if not lines[start] or lines[start][0].isspace():  # nothing at the top level begins so
                start += 1
                continue
            end = self._end(lines, start)
            if end > start:
                yield "\n".join(lines[start:end])
            start = max(end, start + 1)

    def _end(self, lines: Sequence[str], start: int) -> int:
        """Where the longest range from `start` that parses ends; `start` where none does.

        No range that goes on beyond the line of an error parses, so that each failure leads right before its line.
        """
        end = len(lines)
        while end > start and self._patient():
            bad = self._bad_line("\n".join(lines[start:end]))
            if bad is None:
                return end
            end = min(end - 1, start + bad - 1) if bad else end - 1
        return start

    def _bad_line(self, source: str) -> int | None:
        """The line, from 1, of the first error in `source`, 0 where it is not known; None where it parses."""
        self._parses -= 1
        self._characters -= len(source)
        try:
            parse(source)
        except SyntaxError as error:
            return error.lineno or 0
        return None

    def _patient(self) -> bool:
        return self._parses > 0 and self._characters > 0


def _without_demonstrations(source: str, tree: ast.Module, entry_point: str) -> str:
    """`source` without the lines that only demonstrate or test it.

    What uses the entry point and is not used by it demonstrates it; so does what runs only in a script, what talks to
    a terminal, and a loose value that nothing could see.
    """
    if not entry_point:
        return source
    known = [(statement, names(statement)) for statement in tree.body]
    needed = _reached({entry_point}, known, lambda each: (each.binds, each.reads))
    using = _reached({entry_point}, known, lambda each: (each.reads, each.binds))
    kept: set[int] = set()
    cut: set[int] = set()
    for at, (statement, used) in enumerate(known):
        idle = at > 0 and _is_demonstration(statement, used, needed, using)
        (cut if idle else kept).update(_lines(statement))
    cut -= kept  # of two statements on one line both stay
    if not cut:
        return source
    lines = source.split("\n")
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in cut).rstrip() + "\n"


def _reached(
    first: set[str],
    known: Sequence[tuple[ast.stmt, Names]],
    step: Callable[[Names], tuple[frozenset[str], frozenset[str]]],
) -> set[str]:
    """`first` and every name that statements lead to from it: `step` says from which names to which."""
    leads: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for _, used in known:
        sources, targets = step(used)
        for name in sources:
            leads[name].append(targets)
    reached, waiting = set(first), list(first)
    while waiting:
        for targets in leads.pop(waiting.pop(), []):
            waiting += targets - reached
            reached |= targets
    return reached


def _is_demonstration(statement: ast.stmt, used: Names, needed: set[str], using: set[str]) -> bool:
    if isinstance(statement, ast.If) and "__name__" in {
        node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)
    }:
        return True
    if isinstance(statement, ast.Import | ast.ImportFrom) or used.binds & needed:
        return False
    if used.reads & using:
        return True
    return not isinstance(statement, _DEFINITIONS) and (bool(used.reads & _TALKS) or _is_loose(statement))


def _is_loose(statement: ast.stmt) -> bool:
    """A word of prose that happens to be an expression; it can do nothing but raise a NameError."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return (
        value is not None
        and any(isinstance(node, ast.Name) for node in ast.walk(value))
        and not any(isinstance(node, ast.Call | ast.Await | ast.NamedExpr) for node in ast.walk(value))
    )


def _lines(statement: ast.stmt) -> range:
    decorators = statement.decorator_list if isinstance(statement, _DEFINITIONS) else []
    first = min([statement.lineno, *(each.lineno for each in decorators)])
    return range(first, (statement.end_lineno or statement.lineno) + 1)
