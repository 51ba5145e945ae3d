"""How people ask for a program: with a whole head, with no more than a name, or with neither. Training asks so; the benchmark,
whose requests stay what they are, never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final, Literal

from ocinterp.tasks.pocket.names import FUNCTION, argument_of
from ocinterp.tasks.pocket.operations import Kind
from ocinterp.tasks.pocket.programs import Program
from ocinterp.tasks.pocket.wording import TAKES, Wording, capital, joined

Naming = Literal["head", "name", "nothing"]

_NAMINGS: Final[Mapping[Naming, int]] = {"head": 20, "name": 20, "nothing": 60}  # of 100 requests
# {what} begins a sentence or goes on with one, {does} is in the third person; {takes} is what goes in.
_WAYS: Final[Mapping[Naming, tuple[str, ...]]] = {
    "head": (
        "Write a function {head} that {does}.",
        "Write {head} to {what}.",
        "{head} should {what}.",
        "{what}. Call it {head}.",
    ),
    "name": (
        "Write a function {name} that {does}.",
        "Write a Python function called {name} that {does}.",
        "Write a function called {name} that takes {takes}. {what}.",
        "Write {name}: {what}.",
        "{what}. Call the function {name}.",
    ),
    "nothing": (
        "Write a function that {does}.",
        "Write a Python function that {does}.",
        "Write a function that takes {takes}. {what}.",
        "Write a function to {what}.",
        "Write a program that {does}.",
        "Write code to {what}.",
        "I need a function that {does}.",
        "Given {takes}, {what}.",
        "I have {takes}. {what}.",
        "Please {what}.",
        "Can you {what}?",
        "How do I {what}?",
        "{what}.",
        "{what}.",
    ),
}
_MORE_TAKES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "numbers": ("a list of ints", "a list", "some numbers", "an array of integers"),
    "text": ("a sentence", "some text", "a str"),
    "number": ("a number", "an int"),
    "words": ("a list of texts", "some words"),
    "table": ("a dictionary", "a dict", "a map from names to numbers"),
    "truth": (),
}
_SENTENCES: Final = (
    ", then {}",
    " and then {}",
    ". After that, {}",
    ". Next, {}",
    ". Then {}",
    "; then {}",
    ". Finally, {}",
)
_CLAUSES: Final = (", then {}", " and then {}", " and {}", ", and then {}")
_PLACED: Final = 0.25  # how often a first step says what it is done to, where nothing else does
_PLACES: Final = ("in", "of", "from")
_LOWER: Final = 0.15  # how often a request begins with a small letter
_OPEN_END: Final = 0.2  # how often it ends without a full stop


def naming(chance: Random) -> Naming:
    """How much a request says of the function's head."""
    return chance.choices(list(_NAMINGS), list(_NAMINGS.values()))[0]


def named(program: Program, how: Naming) -> Program:
    """The same, with the names that go without saying where the request says none."""
    if how == "head":
        return program
    return Program(program.steps, FUNCTION if how == "nothing" else program.function, argument_of(program.takes))


def ask(program: Program, wording: Wording, chance: Random, how: Naming) -> str:
    """What a model is asked for a program whose names are as `named` has them."""
    question = any(each.startswith("is ") for each in wording.phrases)
    ways = [each for each in _WAYS[how] if not question or ("{does}" not in each and " {what}" not in each)]
    way = chance.choice(ways)
    takes = chance.choice((*TAKES[program.takes], *_MORE_TAKES[program.takes]))
    what, does = _said(wording, way, takes, chance)
    said = way.format(
        head=f"{program.function}({program.argument})", name=program.function, takes=takes, what=what, does=does
    )
    if chance.random() < _LOWER and not said.startswith(program.function):
        said = f"{said[0].lower()}{said[1:]}"
    return said.removesuffix(".") if chance.random() < _OPEN_END else said


def _said(wording: Wording, way: str, takes: str, chance: Random) -> tuple[str, str]:
    """The steps as an imperative and in the third person, as a way to ask has place for them."""
    before, _, _ = way.partition("{what}")
    begins = not before or before.endswith((". ", "? "))
    inside = "{does}" in way or not (begins or before.endswith(": "))
    phrases = list(wording.phrases)
    if inside and "{takes}" not in way and chance.random() < _PLACED:
        phrases[0] = f"{phrases[0]} {chance.choice(_PLACES)} {takes}"
    joints = _CLAUSES if inside else _SENTENCES
    what = joined(phrases, joints, chance)
    return capital(what) if begins else what, joined([third_person(each) for each in phrases], joints, chance)


def third_person(phrase: str) -> str:
    """`keeps the even numbers` for `keep the even numbers`."""
    verb, space, rest = phrase.partition(" ")
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        verb = f"{verb}es"
    elif verb.endswith("y") and verb[-2:-1] not in "aeiou":
        verb = f"{verb[:-1]}ies"
    else:
        verb = f"{verb}s"
    return f"{verb}{space}{rest}".replace(" and round ", " and rounds ")
