"""Tests that a task shows: the examples of its docstring, or an assert beside it, as expressions that must hold.

They are expressions, as `feedback.tests` evaluates them: `f([1, 2]) == 3`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ocinterp.tasks import syntax

_MOST_PARENTHESES = 24  # looked at for the end of one call in prose

_SESSION = re.compile(
    r"^[ \t]*>>>[ \t]*(?P<source>\S.*(?:\n[ \t]*\.\.\.(?: .*)?$)*)(?P<want>(?:\n(?![ \t]*>>>)[ \t]*\S.*)*)",
    re.MULTILINE,
)
_CONTINUED = re.compile(r"^[ \t]*\.\.\. ?", re.MULTILINE)
_SAYS = re.compile(r"[ \t]*(?:#[ \t]*)?(?:={1,3}>?|-+>|➞|→|(?:should[ \t]+)?returns?\b)[ \t]*(?P<answer>\S.*)")
_WRITTEN = {"true": "True", "false": "False"}


def of_docstring(code: str, entry_point: str) -> tuple[str, ...]:
    """The examples in the docstring of a program's entry point (or of the program, where that has none)."""
    found = syntax.tree(code)
    if found is None:
        return ()
    nodes = [each for each in found.body if isinstance(each, ast.FunctionDef) and each.name == entry_point]
    texts = [ast.get_docstring(node) for node in [*nodes, found]]
    return of_text(next((text for text in texts if text), ""), entry_point)


def of_text(text: str, entry_point: str) -> tuple[str, ...]:
    """The examples in a text: interactive sessions, and calls in prose with what they return written beside them."""
    sessions = list(_of_sessions(text, entry_point))
    return tuple(dict.fromkeys(sessions or _in_prose(text, entry_point)))


def of_assert(statement: str, entry_point: str, imports: tuple[str, ...] = ()) -> str | None:
    """What an assert claims; None where it claims nothing (`assert f(1) == 1, 2`) or needs more than the entry point.

    A module among `imports` (`import math`) is written into the expression.
    """
    found = syntax.tree(statement)
    if found is None or len(found.body) != 1:
        return None
    claim = found.body[0]
    if not isinstance(claim, ast.Assert) or claim.msg is not None:
        return None
    text = ast.get_source_segment(statement, claim.test) or ""
    for module in _modules(imports):
        text = re.sub(rf"\b{module}\.", f"__import__({module!r}).", text)
    return text if _is_closed(text, entry_point) else None


def _modules(imports: tuple[str, ...]) -> Iterator[str]:
    for line in imports:
        if (found := re.fullmatch(r"\s*import\s+(\w+)\s*", line)) is not None:
            yield found[1]


def _is_closed(text: str, entry_point: str) -> bool:
    """Whether it is one expression about the entry point that needs no other name."""
    node = syntax.expression(text)
    return node is not None and syntax.free(node) == frozenset({entry_point})


def _of_sessions(text: str, entry_point: str) -> Iterator[str]:
    for found in _SESSION.finditer(text):
        source, want = _CONTINUED.sub("", found["source"]).strip(), found["want"].strip()
        node = syntax.expression(source)
        if node is None or not _is_closed(source, entry_point):
            continue
        source = ast.get_source_segment(source, node) or ""  # without the remark behind it
        if isinstance(node, ast.Compare) and want in {"", "True"}:
            yield _plain(source)
        elif not want and _calls(node, entry_point):
            yield f"{_plain(source)} is None"  # as an interpreter shows it: not at all
        elif (answer := _literal(want)) is not None:
            yield f"{_plain(source)} == {answer}"


def _in_prose(text: str, entry_point: str) -> Iterator[str]:
    for found in re.finditer(rf"(?<![\w.]){re.escape(entry_point)}\(", text):
        end = _end_of_call(text, found.start(), entry_point)
        if end is None or (said := _SAYS.match(text, end)) is None:
            continue
        if (answer := _literal(said["answer"])) is not None:
            yield f"{_plain(text[found.start() : end])} == {answer}"


def _end_of_call(text: str, start: int, entry_point: str) -> int | None:
    """Where a call with written-out arguments ends; None where there is none."""
    end = start
    for _ in range(_MOST_PARENTHESES):
        end = text.find(")", end) + 1
        if not end:
            return None
        node = syntax.expression(text[start:end])
        if node is not None:
            return end if _calls(node, entry_point) else None
    return None


def _calls(node: ast.expr, entry_point: str) -> bool:
    """Whether it is a call of the entry point with values that are written out."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != entry_point:
        return False
    return all(map(syntax.is_literal, [*node.args, *(each.value for each in node.keywords)]))


def _literal(text: str) -> str | None:
    """The value at the start of a text, if nothing but a full stop or a remark follows it."""
    for end in (r"$", r"[ \t]*#", r"[ \t]*\.[ \t]*$", r"[ \t]+\("):
        for found in re.finditer(end, text):
            written = text[: found.start()].strip()
            written = _WRITTEN.get(written, written)
            node = syntax.expression(written)
            if node is not None and syntax.is_literal(node):
                return _plain(ast.get_source_segment(written, node) or "")
    return None


def _plain(source: str) -> str:
    """The source on one line, where it stands on several."""
    return ast.unparse(ast.parse(source, mode="eval")) if "\n" in source else source
