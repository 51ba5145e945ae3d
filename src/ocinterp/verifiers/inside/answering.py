"""The entry of a job: loads a candidate, calls its function with each of the inputs, says what came back.

    inputs: the program's source, and the packed arguments (calls.py)
    order:  {"entry_point": name, "calls": [number, ...], "small": bytes, "timed": bool, "load_seconds": s}

It runs in the candidate's own process and knows nothing of what is expected. A time limit is a courtesy here: it lets
the calls after a slow one be made. Whoever ignores it meets the kernel's.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import types
from collections.abc import Callable
from typing import Any

from ocinterp.verifiers.inside import encoding, frames
from ocinterp.verifiers.inside.calls import Calls

MODULE = "solution"
FILE = "<solution>"
_TICK_SECONDS = 0.02
_AGAIN_SECONDS = 0.2
_NO_LIMIT = 1 << 60  # bytes: what is too much time to say meets the kernel's limit
MAX_SOURCE_BYTES = 1 << 26


class OutOfTime(BaseException):
    """The running call has had its time."""


def main(answers: int, inputs: list[int], order: dict[str, Any]) -> None:
    """Answer all calls of the order, then say so. Raises OSError when nobody listens."""
    _Answering(answers, order["small"], timed=order["timed"]).serve(inputs, order)


class _Answering:
    def __init__(self, answers: int, small: int, *, timed: bool) -> None:
        self._answers = answers
        self._small = small
        self._clock: Callable[[], float] = time.process_time if timed else _no_clock
        self._pid = os.getpid()
        self._armed = False
        self._left = 0.0  # processor seconds of what runs
        signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, _TICK_SECONDS, _TICK_SECONDS)

    def serve(self, inputs: list[int], order: dict[str, Any]) -> None:
        settle()
        try:
            self._arm(order["load_seconds"])
            function = load(os.pread(inputs[0], MAX_SOURCE_BYTES, 0), order["entry_point"])
            self._armed = False
        except BaseException as error:  # noqa: BLE001  the candidate's, whatever it is
            self._armed = False
            self._say(frames.LATE if type(error) is OutOfTime else frames.NOT_LOADED, 0, 0.0, described(error))
            return
        self._say(frames.LOADED, 0, 0.0, b"")
        calls = Calls(inputs[1])
        for number in order["calls"]:
            self._answer(function, number, calls[number], calls.seconds(number))
        self._say(frames.DONE, 0, 0.0, b"")

    def _answer(self, function: Callable[..., Any], number: int, arguments: tuple[Any, ...], seconds: float) -> None:
        started = self._clock()
        try:
            self._arm(seconds)
            answer = function(*arguments)
            self._armed = False
            took = self._clock() - started
            found = encoding.answer(answer, threshold=self._small, limit=_NO_LIMIT)
        except OutOfTime:
            self._armed = False
            self._say(frames.LATE, number, self._clock() - started, b"")
        except BaseException as error:  # noqa: BLE001  the candidate's, whatever it is
            self._armed = False
            self._say(frames.RAISED, number, self._clock() - started, described(error))
        else:
            if isinstance(found, bytes):
                self._say(frames.ANSWER, number, took, found)
            else:
                self._say(frames.DIGEST, number, took, frames.LARGE.pack(found.length, found.digest))

    def _say(self, kind: bytes, number: int, seconds: float, content: bytes) -> None:
        if os.getpid() != self._pid:
            os._exit(0)  # a fork of the candidate came home by the wrong door
        data = frames.HEAD.pack(kind, number, seconds, len(content)) + content
        while data:
            data = data[os.write(self._answers, data) :]

    def _arm(self, seconds: float) -> None:
        self._left = seconds
        self._armed = True

    def _tick(self, *_: object) -> None:
        if self._armed:
            self._left -= _TICK_SECONDS
            if self._left <= 0:
                self._left = _AGAIN_SECONDS  # the program may have caught it
                raise OutOfTime


def settle() -> None:
    """Make each run of a program like the last: forks share the state of generators of random numbers anyway."""
    random.seed(0)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(0)
    sys.set_int_max_str_digits(0)  # the programs of the benchmarks come from before there was such a limit


def load(source: bytes, entry_point: str) -> Callable[..., Any]:
    """Run a program as the module `solution`; its function. Raises what the program raises, and LookupError."""
    module = sys.modules[MODULE] = types.ModuleType(MODULE)
    exec(compile(source, FILE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  this is what the walls are for
    function = module.__dict__.get(entry_point)
    if not callable(function):
        raise LookupError(f"the program defines no function {entry_point}")  # noqa: TRY004  what it lacks is the name
    return function


def described(error: BaseException) -> bytes:
    """The name of an exception, the last line of the program that it passed (0: none), and its message."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        name, message = str(type(error).__name__), str(error)
    except BaseException as worse:  # noqa: BLE001  what describes it is the candidate's too
        name, message = "Exception", f"<{type(worse).__name__} while describing it>"
    words = f"{name[:200]}\n{line}\n{message[: frames.MAX_WORDS]}"
    return words.encode("utf-8", "backslashreplace")[: frames.MAX_WORDS]


def _no_clock() -> float:
    return 0.0
