"""Dialogues of a policy with the tests, as rows of the tokens that it said, never tokenized again.

What people and programs said is in a row because the policy read it; it is never a target.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ocinterp.errors import ModelError
from ocinterp.parse import extract_cells, meaning
from ocinterp.tasks import syntax
from ocinterp.types import Tokens, Trajectory, Turn


@dataclass(frozen=True, slots=True)
class Episode:
    """A dialogue that is over. Its first `shared` turns were there before, and are no doing of its own."""

    trajectory: Trajectory
    entry_point: str
    solved: bool
    shared: int = 0

    @property
    def own(self) -> tuple[Turn, ...]:
        """The answers that were given in it."""
        return self.trajectory.turns[self.shared :]

    @property
    def repeats(self) -> tuple[bool, ...]:
        """Of its own answers, whether each has a program that was there before."""
        found = [meaning(program(turn, self.entry_point)) for turn in self.trajectory.turns]
        return tuple(bool(each) and each in found[:at] for at, each in enumerate(found) if at >= self.shared)


def program(turn: Turn, entry_point: str) -> str:
    """The program of an answer: its last block of Python that defines the entry point, else all of them."""
    blocks = [each.source for each in extract_cells(turn.completion.text) if each.language == "python"]
    whole = [each for each in blocks if entry_point in _defined(each)]
    return whole[-1] if whole else "\n\n".join(blocks)


def _defined(source: str) -> set[str]:
    found = syntax.tree(source)
    return {each.name for each in found.body if isinstance(each, ast.FunctionDef)} if found else set()


@dataclass(frozen=True, slots=True)
class Row:
    """What was read and said, in one line. `said` are the ids that the policy drew, with the `logprobs` they had then.

    `advantages` are those of the answers that they are part of. Of the ids that were not said both are 0.
    """

    ids: Sequence[int]
    said: Sequence[bool]
    logprobs: Sequence[float]
    advantages: Sequence[float]


def rows(episode: Episode, advantages: Sequence[float]) -> Iterator[Row]:
    """The rows of a dialogue, with an advantage for each of its own answers.

    It is one, where each prompt begins with what was said before. Where a text was tokenized otherwise than it was said, the
    policy has read other ids than it said, and a new row begins.
    """
    ids: list[int] = []
    said: list[tuple[bool, float, float]] = []
    for turn, advantage in zip(episode.own, advantages, strict=True):
        tokens = _tokens(turn)
        if ids and list(tokens.prompt_ids[: len(ids)]) != ids:
            yield _row(ids, said)
            ids, said = [], []
        said += [(False, 0.0, 0.0)] * (len(tokens.prompt_ids) - len(ids))
        said += [(True, logprob, advantage) for logprob in tokens.logprobs]
        ids = [*tokens.prompt_ids, *tokens.completion_ids]
    if ids:
        yield _row(ids, said)


def _row(ids: list[int], said: list[tuple[bool, float, float]]) -> Row:
    return Row(ids, *(tuple(each) for each in zip(*said, strict=True)))


def _tokens(turn: Turn) -> Tokens:
    if turn.completion.tokens is None:
        raise ModelError("the sampler tells no token ids, and without them nothing can be learnt from what it says")
    return turn.completion.tokens
