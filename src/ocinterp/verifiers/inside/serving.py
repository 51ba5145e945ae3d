"""The entry of a job: loads a candidate and does what an examiner in another process asks of it (speech.py).

    inputs: the program's source, and a socket
    order:  {"seconds": s}   processor time for loading and all requests together

It runs in the candidate's own process, which sees neither the tests nor what they expect: only what they call it with,
and the source of classes of the tests whose instances they pass to it. Its time limits are a courtesy, as in `answering`.
"""

from __future__ import annotations

import io
import operator
import os
import pickle
import signal
import sys
import types
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

from ocinterp.verifiers.inside import encoding, speech
from ocinterp.verifiers.inside.answering import FILE, MAX_SOURCE_BYTES, MODULE, OutOfTime, described, settle

_AGAIN_SECONDS = 0.2  # until a program that caught OutOfTime meets the next
_ATOMS = frozenset((int, float, complex, bool, str, bytes, type(None)))  # no call can change them
_SHARED = "tests"  # the module of the tests' classes


def main(answers: int, inputs: list[int], order: dict[str, Any]) -> None:
    """Serve until nobody asks any more."""
    os.close(answers)
    serving = _Serving(inputs[1], order["seconds"])
    try:
        if serving.load(os.pread(inputs[0], MAX_SOURCE_BYTES, 0)):
            serving.serve()
    except speech.Gone:
        return


class _Serving:
    def __init__(self, socket: int, seconds: float) -> None:
        self._socket = socket
        self._seconds = seconds
        self._pid = os.getpid()
        self._module = types.ModuleType(MODULE)
        self._objects = _Objects(self._module.__dict__, self._call_back)
        self._acts: dict[str, Callable[..., object]] = {
            "name": self._name,
            "call": self._call,
            "get": getattr,
            "set": setattr,
            "item": operator.getitem,
            "put": operator.setitem,
            "length": len,
            "iterate": iter,
            "next": next,
            "take": _take,
            "define": self._objects.define,
        }
        signal.signal(signal.SIGPROF, _out_of_time)

    def load(self, source: bytes) -> bool:
        settle()
        sys.modules[MODULE] = self._module
        try:
            self._go_on()
            exec(compile(source, FILE, "exec", dont_inherit=True), self._module.__dict__)  # noqa: S102  this is what the walls are for
            self._pause()
        except BaseException as error:  # noqa: BLE001  the candidate's, whatever it is
            self._pause()
            self._fail(error, speech.NOT_LOADED)
            return False
        self._say(speech.LOADED, b"")
        return True

    def serve(self) -> None:
        while True:
            _, request = speech.hear(self._socket)
            self._objects.seen.clear()
            self._act(*self._objects.read(request))

    def _act(self, operation: str, *operands: Any) -> None:
        """Do what is asked and reply."""
        try:
            self._go_on()
            result = self._acts[operation](*operands)
            self._pause()
        except BaseException as error:  # noqa: BLE001  the candidate's, whatever it is
            self._pause()
            self._fail(error, speech.RAISED)
        else:
            self._say(speech.ANSWER, self._objects.written(result))

    def _go_on(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, max(self._seconds, 1e-6), _AGAIN_SECONDS)

    def _pause(self) -> None:
        self._seconds = signal.setitimer(signal.ITIMER_PROF, 0)[0]

    def _call_back(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Have the examiner call a function of its own, and do meanwhile what that asks in its turn."""
        self._pause()
        self._say(speech.BACK, self._objects.written([number, list(arguments), named]))
        while True:
            operation, *operands = self._objects.read(speech.hear(self._socket)[1])
            if operation in {"back", "raise"}:
                break
            self._act(operation, *operands)
        self._go_on()
        if operation == "raise":
            raise operands[0]
        return operands[0]

    def _name(self, name: str) -> object:
        try:
            return self._module.__dict__[name]
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None

    def _call(self, function: Callable[..., object], arguments: tuple[Any, ...], named: dict[str, Any]) -> object:
        """Call it, and tell what that changed of its arguments."""
        values = [*arguments, *named.values()]
        if all(type(each) in _ATOMS for each in values):
            return function(*arguments, **named)
        before = self._objects.written(values)
        try:
            return function(*arguments, **named)
        finally:
            after = self._objects.written(values)
            if after != before or self._objects.seen:
                self._say(speech.CHANGES, self._objects.written([values, self._objects.states()]))

    def _fail(self, error: BaseException, kind: bytes) -> None:
        if type(error) is OutOfTime:
            self._say(speech.LATE, b"")
        else:
            self._say(kind, _nearest(error).encode() + b"\n" + described(error))

    def _say(self, kind: bytes, content: bytes) -> None:
        if os.getpid() != self._pid:
            os._exit(0)  # a fork of the candidate came home by the wrong door
        speech.say(self._socket, kind, content)


class _Objects:
    """What both sides speak of by number: the candidate's objects, and the examiner's instances of the tests' classes."""

    def __init__(self, program: dict[str, Any], call_back: Callable[..., Any]) -> None:
        self.seen: dict[int, Any] = {}  # the instances of this request
        self._program = program
        self._call_back = call_back
        self._shared: dict[str, Any] = {"__name__": _SHARED}
        self._held: list[object] = []
        self._words: dict[int, str] = {}  # of objects by id, which are kept
        self._instances: dict[int, Any] = {}

    def read(self, request: bytes) -> speech.Request:
        return _Unpickler(io.BytesIO(request), self).load()

    def written(self, value: object) -> bytes:
        """An answer, in which what cannot be said is referred to; all of it, where that cannot be said."""
        return encoding.encode(value, limit=speech.MAX_BYTES >> 1, refer=self.refer)

    def refer(self, value: object) -> str:
        """The words for an object that cannot be said."""
        words = self._words.get(id(value))
        if words is None:
            words = self._words[id(value)] = f"{speech.THEIRS}{len(self._held)}"
            self._held.append(value)
        return words

    def define(self, source: str) -> None:
        """Have the tests' classes here too, and in the program where it has none of that name."""
        exec(compile(source, "<tests>", "exec", dont_inherit=True), self._shared)  # noqa: S102  classes of the benchmark
        for name, value in self._shared.items():
            if getattr(value, "__module__", "") == _SHARED:
                self._program.setdefault(name, value)

    def states(self) -> list[tuple[int, Any]]:
        """What the instances of this request hold now."""
        return [(number, dict(cast("dict[str, Any]", vars(each)))) for number, each in self.seen.items()]

    def held(self, number: int) -> object:
        if number < 0:
            raise LookupError("no object can be had")  # it could not be referred to
        return self._held[number]

    def defined(self, name: str) -> Any:
        return self._shared[name]

    def function(self, number: int) -> object:
        """What stands for a function of the tests."""
        if number not in self._instances:

            def stand_in(*arguments: Any, **named: Any) -> Any:
                return self._call_back(number, arguments, named)

            self._instances[number] = stand_in
            self._words[id(stand_in)] = f"{speech.MINE}{number}"
        return self._instances[number]

    def instance(self, number: int, name: str) -> object:
        """It, whose attributes the request goes on to set."""
        found = self._instances.get(number)
        if found is None:
            cls = self.defined(name)
            found = self._instances[number] = cls.__new__(cls)
            self._words[id(found)] = f"{speech.MINE}{number}"
        self.seen[number] = found
        return found


class _Unpickler(pickle.Unpickler):  # noqa: S301  what it reads is the examiner's, and this the candidate's process
    def __init__(self, file: io.BytesIO, objects: _Objects) -> None:
        super().__init__(file)
        self._objects = objects

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name == speech.__name__:
            return getattr(self._objects, global_name)
        return super().find_class(module_name, global_name)


def _take(items: Iterator[object], count: int) -> list[object]:
    return list(islice(items, count))


def _nearest(error: BaseException) -> str:
    """The name of the first builtin exception that it is one of."""
    for cls in type.__dict__["__mro__"].__get__(type(error)):
        if cls.__module__ == "builtins":
            return cls.__name__
    return "Exception"


def _out_of_time(*_: object) -> None:
    raise OutOfTime
