"""What an operation is: what it takes and gives, the ways to say it, and what it may mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ocinterp.tasks.pocket.phrases import Phrases, expanded, filled, put, stable

Kind = Literal["numbers", "text", "number", "words", "table", "truth"]
Parameters = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A thing that an operation can mean.

    `code` is an expression of `{x}`, the value it is applied to. `said` are the words that settle it, empty where there is
    nothing to settle.
    """

    code: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a task.

    `wordings` say it, in the imperative. They and the code name `parameters` in braces. An operation with several meanings
    is ambiguous until one is settled: what they leave open is nearly always a value, which both the words that settle it and
    the answers of the program show.
    """

    name: str
    takes: Kind
    gives: Kind
    wordings: Phrases
    meanings: tuple[Meaning, ...]
    parameters: Parameters = field(default_factory=dict[str, Sequence[int | str]])
    imports: str = ""

    @property
    def phrases(self) -> tuple[str, ...]:
        """Those that training says."""
        return self.wordings.seen

    @property
    def unseen(self) -> str:
        """The one that is kept for tasks that no model was trained on: a combination of what the others are made of."""
        return self.wordings.unseen


@dataclass(frozen=True, slots=True)
class Condition:
    """What can be asked of an element: as a plural such as `even numbers`, and as an expression of `{v}`."""

    name: str
    plurals: tuple[str, ...]
    test: str
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
    meanings: tuple[Meaning, ...]
    compares: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What can be made of one element: an imperative with `{it}` for the element, and an expression of `{v}`."""

    name: str
    phrases: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    parameters: Parameters = field(default_factory=dict[str, Sequence[int | str]])
    imports: str = ""


def operation(
    name: str,
    takes: Kind,
    gives: Kind,
    templates: Sequence[str],
    code: str | Sequence[tuple[str, str] | Meaning],
    imports: str = "",
    **parameters: Sequence[int | str],
) -> Operation:
    """One of its own. `templates`: as in `expanded`. `code`: of the one meaning, or pairs of code and what settles it."""
    return Operation(name, takes, gives, expanded(name, templates), meanings(code), parameters, imports)


def meanings(code: str | Sequence[tuple[str, str] | Meaning]) -> tuple[Meaning, ...]:
    """One, or several with what settles each."""
    if isinstance(code, str):
        return (Meaning(code),)
    return tuple(each if isinstance(each, Meaning) else Meaning(*each) for each in code)


def each_of(code: str, said: str, values: Iterable[int | str]) -> tuple[Meaning, ...]:
    """One meaning for each value, which stands for `{k}` in its code and in its words: what can be left open is how much."""
    return tuple(Meaning(put(code, k=str(each)), put(said, k=str(each))) for each in values)


def selections(
    takes: Kind, conditions: Iterable[Condition], actions: Sequence[Action], letter: str = "v"
) -> list[Operation]:
    """Every action on every condition, where it means something. `letter` names an element in the code.

    The wordings of an action are held out in turn from condition to condition, and those of a condition from action to
    action: each is held out with some, and said with others.
    """
    return [
        _selection(takes, condition, action, letter, (stable(action.name) + row, stable(condition.name) + column))
        for row, condition in enumerate(conditions)
        for column, action in enumerate(actions)
        if not (condition.one_value and action.compares)
    ]


def _selection(takes: Kind, condition: Condition, action: Action, letter: str, held_out: tuple[int, int]) -> Operation:
    test = condition.test.replace("{v}", letter)
    found = tuple(Meaning(put(one.code, test=test, v=letter), one.said) for one in action.meanings)
    wordings = filled(action.phrases, "those", condition.plurals, held_out)
    return Operation(f"{action.name} {condition.name}", takes, action.gives, wordings, found, condition.parameters)


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
            filled(each.phrases, "it", names, divmod(stable(f"{each.name}{suffix}"), 2**16)),
            tuple(Meaning(put(code, new=one.code.replace("{v}", letter), v=letter), one.said) for one in each.meanings),
            each.parameters,
            each.imports,
        )
        for each in every
    ]
