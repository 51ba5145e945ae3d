"""Tests out of pairs of an input and an output, as TACO and APPS have them: of a function, or of a program that reads and prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

PRINTED: Final = (
    "printed_by_program"  # the function that tests of a program call: it runs it on a text, and gives what it printed
)
_NO_NUMBER: Final = re.compile(r"(?<![\w'])-?(?:nan|inf)\b")  # which no Python says so
_MOST: Final = 40
_CHARACTERS: Final = 200_000

# `input` and `open(0)` read the text too: in a judge's process nobody answers them.
_RUN: Final = """\
def {name}(text):
    import contextlib, io, sys

    def read(prompt=""):
        line = sys.stdin.readline()
        if not line:
            raise EOFError("there are no more lines")
        return line.removesuffix(chr(10))

    def opened(file, *more, **named):
        return sys.stdin if file == 0 else open(file, *more, **named)

    out, before = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            exec(compile({source}, "<program>", "exec"), {{"__name__": "__main__", "input": read, "open": opened}})
    finally:
        sys.stdin = before
    out.flush()
    return out.buffer.getvalue().decode(errors="replace")
"""


def of_function(name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> str:
    """Asserts that call a function with each input, a list of arguments. An output that is a list may be what is in it, as in APPS."""

    def lines() -> Iterator[str]:
        for given, expected in zip(inputs, outputs, strict=False):
            if _NO_NUMBER.search(repr((given, expected))):
                continue
            several, those = _listed(given), _listed(expected)
            arguments = [given] if several is None else several
            inner = f", {those[0]!r}" if those else ""
            yield f"assert {name}({', '.join(map(repr, arguments))}) in ({expected!r}{inner},)\n"

    return _within(lines())


def of_program(inputs: Sequence[Any], outputs: Sequence[Any]) -> str:
    """Asserts on what a program prints for each input, whatever blanks stand between its words."""
    pairs = zip(map(_plain, inputs), map(_plain, outputs), strict=False)
    return _within(f"assert {PRINTED}({given!r}).split() == {expected.split()!r}\n" for given, expected in pairs)


def runnable(program: str) -> str:
    """A program as the function PRINTED."""
    return _RUN.format(name=PRINTED, source=repr(program))


def _within(lines: Iterable[str]) -> str:
    """The first of them, as far as there is room; longer ones are left out."""
    found: list[str] = []
    room = _CHARACTERS
    for each in lines:
        if len(each) <= room and len(found) < _MOST:
            found.append(each)
            room -= len(each)
    return "".join(found)


def _plain(value: object) -> str:
    """As it is read or printed: APPS has the lines of some as a list."""
    if isinstance(value, str):
        return value
    lines = _listed(value)
    return "\n".join(map(_plain, lines)) if lines else json.dumps(value, default=str)


def _listed(value: object) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None
