"""The examiner's side of a dialogue with a candidate: requests, and stand-ins for objects that cannot be said.

A Reference does by request what is asked of it, but is equal to itself alone, is always true, and is an instance of
nothing: a candidate's `__eq__` has no say in a verdict.
"""

from __future__ import annotations

import builtins
import copyreg
import io
import pickle
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Final, cast

from ocinterp.verifiers.inside import reviving, speech
from ocinterp.verifiers.inside.decoding import DecodeError, Foreign

_PIECE = 1024  # items of an iterator that are asked for at once, at most


class Ended(BaseException):
    """The dialogue is over, whatever the tests do: the status of types.Status, or "gone", and words."""

    def __init__(self, status: str, words: str = "") -> None:
        super().__init__(status, words)
        self.status = status
        self.words = words


class UnsayableError(TypeError):
    """The tests pass something to the program that cannot be sent to it."""


class Reference:
    """The candidate's object of some number."""

    __slots__ = ("_ask", "_number", "_type_name")

    def __init__(self, ask: Callable[..., Any], number: int, type_name: str) -> None:
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_type_name", type_name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return _asking(self)("call", self, arguments, named)

    def __getattr__(self, name: str) -> Any:
        return _asking(self)("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _asking(self)("set", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return _asking(self)("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _asking(self)("put", self, key, value)

    def __len__(self) -> int:
        return _asking(self)("length", self)

    def __next__(self) -> Any:
        return _asking(self)("next", self)

    def __iter__(self) -> Iterator[Any]:
        ask = _asking(self)
        items = ask("iterate", self)
        if type(items) is not Reference:
            raise TypeError(f"{self!r} is not iterable")
        size = 1
        while True:
            found = ask("take", items, size)
            if type(found) is not list:
                raise TypeError(f"{self!r} is not iterable")
            several = cast("list[Any]", found)
            yield from several
            if len(several) < size:
                return
            size = min(size * 2, _PIECE)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{_type_of(self)}>"


_get: Final = object.__getattribute__


def _asking(reference: Reference) -> Callable[..., Any]:
    return _get(reference, "_ask")


def _number_of(reference: Reference) -> int:
    return _get(reference, "_number")


def _type_of(reference: Reference) -> str:
    return _get(reference, "_type_name")


class Talk:
    """The dialogue. `module` is the name that the tests' classes say they are defined in, `shared` their source."""

    def __init__(self, socket: int, *, module: str, shared: str) -> None:
        self._socket = socket
        self._module = module
        self._shared = shared
        self._is_shared = False
        self._references: dict[int, Reference] = {}
        self._instances: list[Any] = []
        self._numbers: dict[int, int] = {}  # of the instances by id; they are kept
        self.errors: list[BaseException] = []  # that the candidate raised
        self.words = ""  # of the last of them
        self.ended: Ended | None = None  # tests may catch everything: it counts all the same

    def wait(self) -> None:
        """Until the program is loaded. Raises Ended."""
        kind, content = self._hear()
        if kind == speech.NOT_LOADED:
            raise self._raised(content) or Ended("exception", self.words)
        if kind != speech.LOADED:
            raise self._unheard(kind)

    def ask(self, *request: Any) -> Any:
        """What comes of a request. Raises what the candidate raised, and Ended, from then on always."""
        if self.ended is not None:
            raise self.ended
        try:
            return self._ask(request)
        except Ended as end:
            self.ended = end
            raise

    def _ask(self, request: speech.Request) -> Any:
        data = self._written(request)
        self._say(data)
        while True:
            kind, content = self._hear()
            if kind == speech.CHANGES:
                self._change(request, content)
            elif kind == speech.BACK:
                self._call_back(content)
            elif kind == speech.ANSWER:
                return self._read(content)
            elif kind == speech.RAISED:
                error = self._raised(content) or _builtin(content, stops=request[0] == "next")
                self.errors.append(error)
                raise error
            else:
                raise self._unheard(kind)

    def _call_back(self, content: bytes) -> None:
        """Call a function of the tests for the program that got it."""
        try:
            number, arguments, named = self._read(content)
            function = self._instances[number]
        except (IndexError, TypeError, ValueError) as error:
            raise Ended("crashed", "what it sent was no answer") from error
        if type(function) is not FunctionType:
            raise Ended("crashed", "it called what is no function")
        try:
            reply = "back", function(*arguments, **named)
        except Exception as error:  # noqa: BLE001  of the tests' own function: for the program, which called it
            reply = "raise", error
        self._say(self._written(reply))

    def number(self, instance: Any) -> int:
        """Of an instance of the tests' classes, or a function of theirs, which both sides speak of by it."""
        if id(instance) not in self._numbers:
            self._numbers[id(instance)] = len(self._instances)
            self._instances.append(instance)
        return self._numbers[id(instance)]

    def is_shared(self, defined: type | FunctionType) -> bool:
        return defined.__module__ == self._module

    def _written(self, request: speech.Request) -> bytes:
        file = io.BytesIO()
        pickler = _Pickler(file, self)
        try:
            pickler.dump(request)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise UnsayableError(f"the tests pass what cannot be sent to the program: {error}") from error
        if pickler.needs_shared and not self._is_shared:
            self._is_shared = True
            self.ask("define", self._shared)
        return file.getvalue()

    def _say(self, request: bytes) -> None:
        try:
            speech.say(self._socket, speech.REQUEST, request)
        except speech.Gone:
            raise Ended("gone") from None

    def _hear(self) -> tuple[bytes, bytes]:
        try:
            return speech.hear(self._socket)
        except speech.Broken:
            raise Ended("crashed", "what it sent was no answer") from None
        except speech.Gone:
            raise Ended("gone") from None

    def _unheard(self, kind: bytes) -> Ended:
        return (
            Ended("timeout", "out of time") if kind == speech.LATE else Ended("crashed", "what it sent was no answer")
        )

    def _raised(self, content: bytes) -> Ended | None:
        """How the dialogue ends by what was raised, if it does."""
        base, name, line, message = ([*content.decode("utf-8", "replace").split("\n", 3), "", "", ""])[:4]
        where = f" (line {line})" if line not in {"", "0"} else ""
        self.words = f"{name}: {message}{where}" if message else f"{name}{where}"
        ending = {"SystemExit": "exited", "MemoryError": "memory"}.get(base)
        return None if ending is None else Ended(ending, self.words)

    def _change(self, request: speech.Request, content: bytes) -> None:
        """Make the changes of a call's arguments here too. Raises Ended for what are none."""
        try:
            values, states = self._read(content)
            for old, new in zip([*request[2], *request[3].values()], values, strict=True):
                reviving.refreshed(old, new)
            for number, attributes in states:
                instance = self._instances[number]
                held = cast("dict[str, Any]", vars(instance))
                for name in held.keys() - attributes.keys():
                    del held[name]
                for name, new in attributes.items():
                    if not callable(getattr(instance.__class__, name, None)):  # methods are the tests' own
                        held[name] = reviving.refreshed(held.get(name), new)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise Ended("crashed", "what it sent was no answer") from error

    def _read(self, content: bytes) -> Any:
        try:
            return reviving.read(content, self._resolve)
        except DecodeError as error:
            raise Ended("wrong", f"not an answer: {error}") from None

    def _resolve(self, found: Foreign) -> Any:
        mark, digits = found.why[:1], found.why[1:]
        if not digits.isdecimal() or len(digits) > 9:
            return Reference(self.ask, -1, found.type_name)
        number = int(digits)
        if mark == speech.MINE:
            return self._instances[number]
        if number not in self._references:
            self._references[number] = Reference(self.ask, number, found.type_name)
        return self._references[number]


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, talk: Talk) -> None:
        super().__init__(file, 5)
        self._talk = talk
        self.needs_shared = False

    def reducer_override(self, obj: Any, /) -> Any:
        cls = cast("Any", type)(obj)
        if cls is Reference:
            return speech.held, (_number_of(obj),)
        if cls is FunctionType and self._talk.is_shared(obj):
            return speech.function, (self._talk.number(obj),)
        if isinstance(obj, type):
            if not self._talk.is_shared(obj):
                return NotImplemented
            self.needs_shared = True
            return speech.defined, (obj.__qualname__,)
        if self._talk.is_shared(cls):
            made = obj.__reduce_ex__(4)
            if made[0] is vars(copyreg)["__newobj__"] and len(made[1]) == 1:
                self.needs_shared = True
                return speech.instance, (self._talk.number(obj), cls.__qualname__), *made[2:]
        return NotImplemented


def _builtin(content: bytes, *, stops: bool) -> BaseException:
    """The exception that the candidate raised, or the builtin one that it was derived from.

    Only where it `stops` an iterator is it StopIteration: raised by a function, that would end a `map` of the tests' own.
    """
    base, _, rest = content.decode("utf-8", "replace").partition("\n")
    cls = vars(builtins).get(base)
    if not isinstance(cls, type) or not issubclass(cls, Exception):
        cls = Exception
    if issubclass(cls, StopIteration | StopAsyncIteration) and not stops:
        cls = RuntimeError
    error = cls.__new__(cls)
    error.args = (rest.split("\n", 2)[-1],)
    return error
