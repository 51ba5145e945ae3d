"""What stands above each line of a program: its number, and the words of the request that it does.

Whoever repeats a step's words before doing it has to find them, which is one thing to learn, and then to write in Python what
stands right above, which is another; a small model learns both sooner than the two at once. By its number it finds the line
that a person speaks of. Where the request leaves something open, the comment says what was taken for it: whoever reads the
program sees what was guessed, and a report that has the wrong value leads to the words that have it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocinterp.tasks.pocket.benchmark import Item
from ocinterp.tasks.pocket.programs import Step


def commented(source: str, said: Sequence[str]) -> str:
    """A program whose function has a line for each step, with a comment above each."""
    *head, last = source.partition("def ")
    first, *body = last.split("\n")
    lines = [f"    # {at}. {words}\n{code}" for at, (words, code) in enumerate(zip(said, body, strict=True), 1)]
    return "".join(head) + "\n".join([first, *lines])


def attempted(item: Item, steps: Sequence[Step]) -> list[str]:
    """The words for an attempt's steps: the request's, where they say such a step, else the operation's own."""
    by_step = {(step.operation.name, *step.given.items()): at for at, step in enumerate(item.program.steps)}
    found = [by_step.get((step.operation.name, *step.given.items())) for step in steps]
    return [_own(step) if at is None else _said(item, at, step) for at, step in zip(found, steps, strict=True)]


def right(item: Item) -> list[str]:
    """The words for the steps that are meant."""
    return [_said(item, at, step) for at, step in enumerate(item.program.steps)]


def _said(item: Item, at: int, step: Step) -> str:
    """The request's words for its step `at`; where they leave open how it is meant, those too for how `step` takes it."""
    words = item.wording.phrases[at]
    return _settled(words, step) if at in item.wording.open_steps else words


def _own(step: Step) -> str:
    return _settled(step.text(step.operation.phrases[0]), step)


def _settled(words: str, step: Step) -> str:
    return f"{words} {step.text(step.meant.said)}" if step.meant.said else words
