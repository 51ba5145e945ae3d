"""Names for functions and arguments in training: any at all, so that a model copies them instead of knowing them."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from ocinterp.tasks.pocket.operations import Kind
from ocinterp.tasks.pocket.programs import Program

Namer = Callable[[Random], str]

FUNCTION: Final = "solve"  # of a request that says none
_SAYS_NONE: Final[Mapping[Kind, str]] = {
    "numbers": "numbers",
    "text": "text",
    "number": "number",
    "words": "words",
    "table": "table",
}

_OWN: Final = 0.5  # how often a name is not one of those that the benchmark has, of a function and of an argument

_VERBS: Final = ("get", "make", "find", "calc", "do", "build", "my", "clean", "handle", "apply", "new", "check", "pick")
_NOUNS: Final = (
    "list",
    "data",
    "value",
    "values",
    "text",
    "words",
    "numbers",
    "result",
    "items",
    "stuff",
    "it",
    "all",
    "one",
)
_SHORT: Final = ("f", "g", "h", "fn", "foo", "bar", "go", "main", "answer", "helper", "work", "change", "test_me")
_ARGUMENTS: Final = (
    "n", "x", "y", "z", "s", "t", "p", "q", "l", "m", "arr", "lst", "data", "seq", "array", "string", "number", "value",
    "word", "list_of_words", "sentence", "my_list", "numbers", "arg", "inp", "entries", "mapping", "ages", "prices", "st",
)  # fmt: skip
_CONSONANTS: Final = "bcdfghjklmnprstvwz"
_VOWELS: Final = "aeiou"
# The letters that operations call elements by, and what programs call their results.
_TAKEN: Final = {
    *"abcdeivwk",
    "key",
    "result",
    "out",
    "total",
    "parts",
    "counts",
    "ok",
    "math",
    *dir(builtins),
    *keyword.kwlist,
}


def renamed(program: Program, chance: Random) -> Program:
    """The same with other names, as often as not."""
    function = _free(chance, _function) if chance.random() < _OWN else program.function
    argument = _free(chance, _argument) if chance.random() < _OWN else program.argument
    return program if function == argument else Program(program.steps, function, argument)


def argument_of(kind: Kind) -> str:
    """The argument's name where a request says none."""
    return _SAYS_NONE[kind]


def _free(chance: Random, name: Namer) -> str:
    while (found := name(chance)) in _TAKEN:
        pass
    return found


def _function(chance: Random) -> str:
    form = chance.random()
    if form < 0.2:
        return chance.choice(_SHORT)
    if form < 0.6:
        verb, noun = chance.choice(_VERBS), chance.choice(_NOUNS)
        return f"{verb}_{noun}" if chance.random() < 0.8 else f"{verb}{noun.capitalize()}"
    return _invented(chance) if form < 0.9 else f"{_invented(chance)}_{chance.choice(_NOUNS)}"


def _argument(chance: Random) -> str:
    return chance.choice(_ARGUMENTS) if chance.random() < 0.7 else _invented(chance)


def _invented(chance: Random) -> str:
    return "".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(chance.randint(1, 3)))
