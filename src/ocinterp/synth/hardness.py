"""How hard a question is, as a model judges it, twice (paper, section 2.1): scores are kept, and a threshold is applied later.

Later is a stage of its own (`sources.hard`): with another threshold nobody is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ocinterp.protocols import Model
from ocinterp.render import clip
from ocinterp.synth import prompts, replies
from ocinterp.synth.queries import Query
from ocinterp.types import Message

_CHARACTERS: Final = 6_000  # of a question that is judged


@dataclass(frozen=True, slots=True)
class Score:
    """What a judge said of a question by one of the prompts, from 1 to 5."""

    name: str  # of the prompt, with its number
    value: int
    by: str = ""  # the model


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, and the scores that a model gave it; none where it was not judged."""

    query: Query
    scores: tuple[Score, ...] = ()

    def hard(self, least: int) -> bool:
        """Whether it is hard enough by both prompts, or was not judged."""
        return all(each.value >= least for each in self.scores)


async def scores(question: str, judge: Model, by: str) -> tuple[Score, ...]:
    """By both prompts, of a judge of that name. NoRowError where a reply has no digit from 1 to 5; raises what the judge raises."""
    found: list[Score] = []
    for name in ("simple/1", "demanding/1"):
        asked = prompts.NAMES[name].format(query=clip(question, _CHARACTERS))
        reply = await judge.generate((Message("user", asked),))
        value = replies.score(reply.text)
        if value is None:
            raise replies.NoRowError(f"the judge gave no score: {reply.text[:80]!r}")
        found.append(Score(name, value, by))
    return tuple(found)
