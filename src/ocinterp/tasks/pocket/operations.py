"""What an operation is: what it takes and gives, the ways to say it, and what it may mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

Kind = Literal["numbers", "text", "number", "words", "table", "truth"]
Parameters = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A thing that an operation can mean.

    `code` is an expression of `{x}`, the value it is applied to; or lines of which the last gives `{x}` its new value.
    `said` are the words that settle it, empty where there is nothing to settle.
    """

    code: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a task.

    `phrases` say it, in the imperative; those in `unseen` are kept for tasks that no model was trained on. Phrases and code
    name `parameters` in braces. An operation with several meanings is ambiguous until one is settled.
    """

    name: str
    takes: Kind
    gives: Kind
    phrases: tuple[str, ...]
    unseen: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    parameters: Parameters = field(default_factory=dict[str, Sequence[int | str]])
    imports: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What can be asked of an element: as a plural such as `even numbers`, and as an expression of `{v}`."""

    name: str
    plurals: tuple[str, ...]
    unseen: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    parameters: Parameters = field(default_factory=dict[str, Sequence[int | str]])
    one_value: bool = False  # all that fulfil it are equal


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done with the elements that fulfil a condition; `{those}` is the plural, `{test}` the expression.

    What `compares` them means nothing where all are equal.
    """

    name: str
    gives: Kind
    phrases: tuple[str, ...]
    unseen: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    compares: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What can be made of one element: an imperative with `{it}` for the element, and an expression of `{v}`."""

    name: str
    phrases: tuple[str, ...]
    unseen: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    parameters: Parameters = field(default_factory=dict[str, Sequence[int | str]])
    imports: str = ""


def operation(
    name: str,
    takes: Kind,
    gives: Kind,
    phrases: Sequence[str],
    code: str | Sequence[tuple[str, str]],
    imports: str = "",
    **parameters: Sequence[int | str],
) -> Operation:
    """One of its own; its last phrase is unseen. `code`: of the one meaning, or pairs of code and what settles it."""
    return Operation(name, takes, gives, tuple(phrases[:-1]), (phrases[-1],), meanings(code), parameters, imports)


def meanings(code: str | Sequence[tuple[str, str]]) -> tuple[Meaning, ...]:
    """One, or several with what settles each."""
    return (Meaning(code),) if isinstance(code, str) else tuple(Meaning(*each) for each in code)


def selections(
    takes: Kind, conditions: Iterable[Condition], actions: Sequence[Action], letter: str = "v"
) -> list[Operation]:
    """Every action on every condition, where it means something. `letter` names an element in the code."""
    return [
        _selection(takes, condition, action, letter)
        for condition in conditions
        for action in actions
        if not (condition.one_value and action.compares)
    ]


def _selection(takes: Kind, condition: Condition, action: Action, letter: str) -> Operation:
    found = tuple(
        Meaning(_put(one.code, test=two.code.replace("{v}", letter), v=letter), _joined(two.said, one.said))
        for one, two in product(action.meanings, condition.meanings)
    )
    return Operation(
        f"{action.name} {condition.name}",
        takes,
        action.gives,
        tuple(_put(phrase, those=those) for phrase in action.phrases for those in condition.plurals),
        tuple(
            _put(phrase, those=those)
            for phrase, those in zip(_cycled(action.unseen), condition.unseen or condition.plurals[:1], strict=False)
        ),
        found,
        condition.parameters,
    )


def changes(
    takes: Kind,
    gives: Kind,
    every: Iterable[Change],
    names: Sequence[str],
    code: str,
    letter: str = "v",
    suffix: str = "",
) -> list[Operation]:
    """Each change, applied to what `names` call an element; `code` has `{new}` for the changed element."""
    return [
        Operation(
            f"{each.name}{suffix}",
            takes,
            gives,
            tuple(_put(phrase, it=name) for phrase in each.phrases for name in names),
            tuple(_put(phrase, it=names[0]) for phrase in each.unseen),
            tuple(
                Meaning(_put(code, new=one.code.replace("{v}", letter), v=letter), one.said) for one in each.meanings
            ),
            each.parameters,
            each.imports,
        )
        for each in every
    ]


def _put(text: str, **values: str) -> str:
    """Put some values in, and leave all other braces."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _cycled(phrases: Sequence[str]) -> Iterable[str]:
    while True:
        yield from phrases


def _joined(*parts: str) -> str:
    return " and ".join(filter(None, parts))
