"""Exceptions as their author should see them: only frames of code they wrote."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path

_MAX_CHARACTERS = 20_000
_LIBRARY = tuple({str(Path(place)) + "/" for place in (Path(os.__file__).parent, Path(__file__).parent)})
_PACKAGES = ("/site-packages/", "/dist-packages/", "/opt/packages/", "/opt/layers/")


def describe(error: BaseException) -> dict[str, str]:
    """The class, message and traceback of an exception that left a cell.

    The message of SystemExit is its exit code; a text, with which a program leaves in failure, is never the text of 0.
    """
    try:
        lines = _lines(error)
        message = str(error)
        if isinstance(error, SystemExit) and isinstance(error.code, str) and message in {"", "0", "None"}:
            message = repr(message)
    except BaseException as broken:  # noqa: BLE001  an exception's own __str__ may raise anything
        lines, message = [f"{type(error).__name__}: <its text raised {type(broken).__name__}>\n"], ""
    text = "".join(lines)
    if len(text) > _MAX_CHARACTERS:
        head = _MAX_CHARACTERS // 5  # the error is at the tail
        text = f"{text[:head]}\n... {len(text) - _MAX_CHARACTERS} characters left out ...\n{text[head - _MAX_CHARACTERS :]}"
    return {"name": type(error).__name__, "message": message[:_MAX_CHARACTERS], "traceback": text}


def _lines(error: BaseException) -> list[str]:
    whole = traceback.TracebackException.from_exception(error, compact=True)
    for each in _chain(whole):
        each.stack = _cut(each.stack)  # type: ignore[assignment]  # format() leaves out a stack of None
    return list(whole.format())


def _chain(first: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    pending: list[traceback.TracebackException | None] = [first]
    while pending:
        each = pending.pop()
        if each is None:
            continue
        yield each
        pending += [each.__cause__, each.__context__, *(each.exceptions or ())]


def _cut(stack: traceback.StackSummary) -> traceback.StackSummary | None:
    """Only the frames of the program's own files; None when there are none, and then no heading is printed either."""
    kept = [frame for frame in stack if _is_users(frame.filename)]
    return traceback.StackSummary.from_list(kept) if kept else None


def _is_users(filename: str) -> bool:
    if filename.startswith("<"):
        return not filename.startswith("<frozen")
    return not filename.startswith(_LIBRARY) and not any(place in filename for place in _PACKAGES)
