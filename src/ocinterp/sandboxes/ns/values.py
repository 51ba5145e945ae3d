"""Values as a reader sees them, and sources as a notebook reads them."""

from __future__ import annotations

import ast
import base64
import re
import textwrap
from collections.abc import Sequence
from typing import Any, cast

from ocinterp.sandboxes.ns import packages

MAX_TEXT = 100_000  # characters of one representation

_INDENTED = re.compile(r"(?:[ \t]*\n)*[ \t]+\S")  # in its first line that is not blank
_MAGIC = re.compile(r"^([ \t]*)(?:\w+[ ]*=[ ]*)?((?:%%?|!!?)[A-Za-z_./].*)$", re.MULTILINE)
# What a line may not begin inside of; anything else is passed over one character at a time.
_PIECE = re.compile(
    r"""#[^\n]*|(?P<quote>\"\"\"|\'\'\')(?:\\.|(?!(?P=quote)).)*(?P=quote)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|.""",
    re.DOTALL,
)
_OPENING, _CLOSING = "([{", ")]}"
_RICH = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("text/latex", "_repr_latex_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("application/json", "_repr_json_"),
)


def mime_bundle(value: Any) -> dict[str, str]:
    """MIME type -> content of a value, by the methods that Jupyter asks for; binary content in base64."""
    if _is_figure(value):
        from ocinterp.sandboxes.ns import figures

        return figures.take(value)
    bundle: dict[str, str] = {}
    for mime, method in _RICH:
        content = _ask(value, method)
        if isinstance(content, bytes):
            bundle[mime] = base64.b64encode(content).decode()
        elif isinstance(content, str) and len(content) <= MAX_TEXT * 10:
            bundle[mime] = content
    bundle["text/plain"] = _clip(repr(value))
    return bundle


def _is_figure(value: Any) -> bool:
    kind = cast("type[Any]", type(value))
    return kind.__name__ == "Figure" and kind.__module__ == "matplotlib.figure"


def _ask(value: Any, method: str) -> Any:
    if isinstance(value, type):
        return None
    kind = cast("type[Any]", type(value))
    found = getattr(kind, method, None)
    if not callable(found):
        return None
    content = cast("Any", found(value))
    if isinstance(content, tuple) and content:
        return cast("tuple[Any, ...]", content)[0]
    return cast("Any", content)


def _clip(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n... {len(text) - MAX_TEXT} characters left out ...\n{text[-half:]}"


def plain_python(source: str, available: Sequence[str] = ()) -> str:
    """The source as Python alone understands it; IPython is more forgiving, and so are we.

    A cell that is indented as a whole is moved to the margin, `%magic` lines vanish, `!commands` say they cannot run.
    What would install packages vanishes where they are there, else it says that it cannot, and what is `available`.
    """
    if _INDENTED.match(source):
        source = _at_margin(source)
    if not _MAGIC.search(source):
        return source
    try:
        ast.parse(source)
    except SyntaxError:
        inside = _inside(source)
        return _MAGIC.sub(
            lambda found: found[0] if found.start() in inside else _replace_magic(found, available), source
        )
    return source


def _inside(source: str) -> set[int]:
    """Where lines begin within a string, a bracket, or after a backslash: those go on with what was before them."""
    found: set[int] = set()
    depth = 0
    before = ""
    for piece in _PIECE.finditer(source):
        text = piece[0]
        if text == "\n":
            if depth > 0 or before == "\\":
                found.add(piece.end())
        elif "\n" in text:
            found.update(piece.start() + end.end() for end in re.finditer("\n", text))
        depth = max(0, depth + (text in _OPENING) - (text in _CLOSING))
        before = text
    return found


def _at_margin(source: str) -> str:
    """Without the indentation of its first line, if every line has it and Python has a use for the rest."""
    moved = textwrap.dedent(source)
    try:
        ast.parse(source)
    except IndentationError:
        return moved
    except SyntaxError:
        return source
    return source


def _replace_magic(found: re.Match[str], available: Sequence[str]) -> str:
    indent, text = found.groups()
    if (instead := packages.replace_install(text.rstrip(), available)) is not None:
        return indent + instead
    if text.startswith("%"):
        return f"{indent}pass  # {text}"
    return f"{indent}raise RuntimeError({f'shell commands do not run here: {text}'!r})"
