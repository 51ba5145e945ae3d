"""The entry of a job: runs tests that are code of their own, in a process of their own, and says how they came out.

    inputs: the tests (marshal of a code object, and the source of their classes), and a socket to the candidate
    order:  {"entry_point": name}
    answer: JSON: "status" (types.Status; "gone": nobody answers; "failed": the tests themselves), "line" where they
            ended (0: nowhere), "words", and "sides" of the comparison that did not hold

A name that the tests do not define is the program's (speech.py), builtins first, but for the entry point.
"""

from __future__ import annotations

import builtins
import json
import marshal
import os
import sys
from types import TracebackType
from typing import Any

from ocinterp.verifiers.inside.answering import MAX_SOURCE_BYTES, settle
from ocinterp.verifiers.inside.talking import Ended, Reference, Talk, UnsayableError

FILE = "<tests>"
MODULE = "tests"
LEFT, RIGHT = "@left", "@right"  # where the tests, as prepared.py makes them, keep the sides of a comparison
ASSERTS = 1_000_000  # the line of the first assert; the next one has the next
MAX_SIDE = 500  # characters
MAX_WORDS = 2000
_DEPTH = 3000


def main(answers: int, inputs: list[int], order: dict[str, Any]) -> None:
    """Run the tests and say how it went."""
    said = _examine(inputs, order["entry_point"])
    data = json.dumps(said).encode()
    while data:
        data = data[os.write(answers, data) :]


def _examine(inputs: list[int], entry_point: str) -> dict[str, Any]:
    settle()
    sys.setrecursionlimit(_DEPTH)
    code, shared = marshal.loads(os.pread(inputs[0], MAX_SOURCE_BYTES, 0))
    talk = Talk(inputs[1], module=MODULE, shared=shared)
    failure: BaseException | None = None
    try:
        talk.wait()
        names = {"__name__": MODULE, "__builtins__": _Names(talk), entry_point: talk.ask("name", entry_point)}
        exec(code, names)  # noqa: S102  the benchmark's tests, which are ours
    except Ended as end:
        talk.ended = talk.ended or end
    except BaseException as error:  # noqa: BLE001  what it means is said to the host
        failure = error
    if (end := talk.ended) is not None:
        return {"status": end.status, "line": _line(end.__traceback__), "words": end.words[:MAX_WORDS], "sides": []}
    return {"status": "pass", "line": 0, "words": "", "sides": []} if failure is None else _failure(talk, failure)


class _Names(dict[str, Any]):
    """Builtins, and all other names as the program has them."""

    def __init__(self, talk: Talk) -> None:
        super().__init__(vars(builtins))
        self._talk = talk

    def __missing__(self, name: str) -> Any:
        found = self._talk.ask("name", name)
        if type(found) is Reference:
            self[name] = found
        return found


def _failure(talk: Talk, error: BaseException) -> dict[str, Any]:
    """What it says of the program that the tests ended with an exception."""
    status, words, sides = "wrong", f"{type(error).__name__}: {_bounded(str, error)}", list[str]()
    if any(error is each for each in talk.errors):
        status, words = "exception", talk.words
    elif isinstance(error, UnsayableError) or (
        isinstance(error, ImportError) and error.name
    ):  # an import of the tests'
        status = "failed"
    elif isinstance(error, AssertionError):
        words, sides = _bounded(str, error), _sides(error.__traceback__)
    elif isinstance(error, MemoryError):
        status = "memory"
    return {"status": status, "line": _line(error.__traceback__), "words": words[:MAX_WORDS], "sides": sides}


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    """Those of the tests, the outermost first."""
    found: list[TracebackType] = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            found.append(trace)
        trace = trace.tb_next
    return found


def _line(trace: TracebackType | None) -> int:
    """The line of the innermost assert that was under way, or else of the innermost statement."""
    lines = [each.tb_lineno for each in _frames(trace)] or [0]
    return next((line for line in reversed(lines) if line >= ASSERTS), lines[-1])


def _sides(trace: TracebackType | None) -> list[str]:
    frames = _frames(trace)
    held: dict[str, Any] = frames[-1].tb_frame.f_locals if frames else {}
    return [_bounded(repr, held[name]) for name in (LEFT, RIGHT) if name in held]


def _bounded(say: Any, value: object) -> str:
    try:
        return str(say(value))[:MAX_SIDE]
    except (ArithmeticError, MemoryError, RecursionError, TypeError, ValueError) as error:
        return f"<{type(error).__name__}>"
