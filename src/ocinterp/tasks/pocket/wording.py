"""Programs in words: as a request, or as the head of a function with a docstring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from ocinterp.tasks.pocket.operations import Kind
from ocinterp.tasks.pocket.programs import Program, Step
from ocinterp.tasks.pocket.spoken import VALUE, spoken, whole

TAKES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "numbers": ("a list of integers", "a list of numbers"),
    "text": ("a string", "a text"),
    "number": ("an integer", "a whole number"),
    "words": ("a list of words", "a list of strings"),
    "table": ("a dictionary from strings to integers", "a table of numbers by name"),
    "truth": ("a truth value",),
}
_JOINTS: Final = (", then {}", " and then {}", ". After that, {}", ". Next, {}")
REQUESTS: Final = (
    "Write a function {head} that takes {takes}. {what}.",
    "Write a Python function {head}. It takes {takes}. {what}.",
    "I need a function {head} for {takes}: {what}.",
    "Given {takes}, {what}. Call the function {head}.",
)
_MORE_REQUESTS: Final = (
    *REQUESTS,
    "{what}. The function is called {head} and takes {takes}.",
    "Please write {head}, which takes {takes}: {what}.",
    "Can you write a function {head}? It gets {takes}. {what}.",
    "{head} takes {takes}. {what}.",
)
_SPOKEN: Final = 0.2  # how often training says a step as people also do, where there is such a way
SHARE_OF_CODE: Final = 0.3  # how many requests are the head of a function with a docstring


@dataclass(frozen=True, slots=True)
class Wording:
    """How a program is said: a phrase a step, and the steps, from 0, whose meaning is left open."""

    phrases: tuple[str, ...]
    open_steps: tuple[int, ...] = ()


def described(
    program: Program, chance: Random, *, open_share: float, unseen: bool = False, training: bool = False
) -> Wording:
    """`open_share` of the steps that need it are left ambiguous. `unseen`: in phrases that no model was trained on.

    `training` also says steps in ways that the benchmark does not have.
    """
    phrases: list[str] = []
    open_steps: list[int] = []
    for at, step in enumerate(program.steps):
        left_open = bool(step.meant.said) and chance.random() < open_share
        open_steps += [at] * left_open
        said = _spoken(step, chance, settle=not left_open) if training and chance.random() < _SPOKEN else ""
        phrases.append(said or phrase(step, chance, settle=not left_open, unseen=unseen))
    return Wording(tuple(phrases), tuple(open_steps))


def phrase(step: Step, chance: Random, *, settle: bool, unseen: bool = False) -> str:
    """One step in words, with those that settle its meaning or without."""
    text = step.operation.unseen if unseen else chance.choice(step.operation.phrases)
    said = f"{text} {step.meant.said}" if settle and step.meant.said else text
    return step.text(said)


def _spoken(step: Step, chance: Random, *, settle: bool) -> str:
    """One step as people also say it; empty where nobody does."""
    settled = step.text(step.meant.said) if settle else ""
    fit = [each for each in spoken().get(step.operation.name, ()) if "{value}" not in each or VALUE.search(settled)]
    return step.text(whole(chance.choice(fit), settled)) if fit else ""


def request(program: Program, wording: Wording, chance: Random, *, training: bool = False) -> str:
    """What the model is asked. `training` also asks in ways that the benchmark does not have."""
    if chance.random() < SHARE_OF_CODE:
        return with_docstring(program, wording)
    what = joined(wording.phrases, _JOINTS, chance)
    template = chance.choice(_MORE_REQUESTS if training else REQUESTS)
    before = template.partition("{what}")[0]
    starts = not before or before.endswith((". ", "? "))
    return template.format(
        head=f"{program.function}({program.argument})",
        takes=chance.choice(TAKES[program.takes]),
        what=capital(what) if starts else what,
    )


def with_docstring(program: Program, wording: Wording) -> str:
    """The head of the function, with a docstring."""
    return f'def {program.function}({program.argument}):\n    """{capital(", then ".join(wording.phrases))}."""'


def joined(phrases: Sequence[str], joints: Sequence[str], chance: Random) -> str:
    """Steps one after the other; a joint has a place for the step after it."""
    first, *others = phrases
    return first + "".join(chance.choice(joints).format(other) for other in others)


def capital(text: str) -> str:
    """With a large letter first."""
    return text[:1].upper() + text[1:]
