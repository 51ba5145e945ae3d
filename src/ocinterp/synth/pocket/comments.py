"""What stands above each line of a program: its number, and the words of the request that it does.

Whoever repeats a step's words before doing it has to find them, which is one thing to learn, and then to write in Python what
stands right above, which is another; a small model learns both sooner than the two at once. By its number it finds the line
that a person speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocinterp.synth.pocket.attempts import Attempt
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
    return [
        step.text(step.operation.phrases[0]) if at is None else item.wording.phrases[at]
        for at, step in zip(found, steps, strict=True)
    ]


def corrected(item: Item, attempts: Sequence[Attempt]) -> list[str]:
    """The words for the right steps after some attempts, with those that settle what was read otherwise, or is seldom meant."""
    said = list(item.wording.phrases)
    for at in item.wording.open_steps if attempts else ():
        step = item.program.steps[at]
        if step.meaning or any(_misread(step, each.steps[at : at + 1]) for each in attempts):
            said[at] = f"{said[at]} {step.text(step.meant.said)}"
    return said


def _misread(right: Step, read: Sequence[Step]) -> bool:
    return any(each.operation is right.operation and each.meaning != right.meaning for each in read)
