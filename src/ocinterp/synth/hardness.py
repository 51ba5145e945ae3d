"""How hard a question is, as a model judges it, twice (paper, section 2.1): scores are kept, and a threshold is applied later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ocinterp.protocols import Model
from ocinterp.render import clip
from ocinterp.synth import prompts, replies
from ocinterp.types import Message

LEAST: Final = 4  # of five, by both prompts, as in the paper
_CHARACTERS: Final = 6_000  # of a question that is judged


@dataclass(frozen=True, slots=True)
class Score:
    """What a judge said of a question by one of the prompts; `value` is 0 where its reply had no digit from 1 to 5."""

    name: str  # of the prompt, with its number
    value: int


async def scores(question: str, judge: Model, least: int = LEAST) -> tuple[Score, ...]:
    """By the first prompt; by the second, where the first gave at least `least`. Raises what the judge raises."""
    found: list[Score] = []
    for name in ("simple/1", "demanding/1"):
        asked = prompts.NAMES[name].format(query=clip(question, _CHARACTERS))
        reply = await judge.generate((Message("user", asked),))
        found.append(Score(name, replies.score(reply.text) or 0))
        if found[-1].value < least:
            break
    return tuple(found)


def hard(found: Sequence[Score], least: int = LEAST) -> bool:
    """Whether a question is hard enough by both."""
    return len(found) == 2 and all(each.value >= least for each in found)
