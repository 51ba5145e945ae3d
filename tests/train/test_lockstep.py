"""Answers are made when all have asked, and are the same whoever came first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from models.pocket.tiny import model, tokenizer
from ocinterp.models.engine import Engine, Limits, Sampling, Strand, complete
from ocinterp.models.pocket.engine import PocketEngine
from ocinterp.models.pocket.model import Speech
from ocinterp.models.refusals import ContextOverflow
from ocinterp.train.lockstep import Rounds, Seat
from ocinterp.types import Completion, Message

SPEECH = Speech.of(tokenizer())
ASKED = [(Message("user", text),) for text in ("a", "a", "bc", "def")]
SAMPLING = Sampling(1.0, 8)


def rounds(made: list[int] | None = None, seeds: Sequence[str] = ("1", "2", "3", "4"), most: int = 64) -> Rounds:
    def carry(engine: Engine, strands: Sequence[Strand], limits: Limits) -> None:
        if made is not None:
            made.append(len(strands))
        complete(engine, strands, limits)

    return Rounds(PocketEngine(model()), SPEECH, SAMPLING, seeds=seeds, most=most, carry=carry)


async def talk(seat: Seat, asked: Sequence[Message], times: int, wait: int) -> list[Completion]:
    """Ask so often; before each time others have their turn of the loop."""
    said: list[Completion] = []
    try:
        for _ in range(times):
            for _ in range(wait):
                await asyncio.sleep(0)
            said.append(await seat.generate(asked))
    finally:
        seat.leave()
    return said


async def talks(times: Sequence[int], waits: Sequence[int], made: list[int] | None = None) -> list[list[Completion]]:
    table = rounds(made)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(table.serve())
        tasks = [
            group.create_task(talk(seat, asked, time, wait))
            for seat, asked, time, wait in zip(table.seats, ASKED, times, waits, strict=True)
        ]
    assert serving.done()
    return [task.result() for task in tasks]


async def test_who_comes_first_changes_nothing() -> None:
    made: list[int] = []
    first = await talks((2, 1, 3, 1), (0, 3, 1, 2), made)
    assert made == [4, 2, 1]
    assert await talks((2, 1, 3, 1), (5, 0, 0, 9)) == first


async def test_the_same_question_is_answered_by_each_seat_with_its_own_draws() -> None:
    (one,), (other,), *_ = await talks((1, 1, 1, 1), (0, 0, 0, 0))
    assert one.tokens is not None
    assert other.tokens is not None
    assert one.tokens.prompt_ids == other.tokens.prompt_ids
    assert one.tokens.completion_ids != other.tokens.completion_ids
    assert one.text == SPEECH.tokenizer.decode(one.tokens.completion_ids)
    assert one.finish_reason == ("stop" if one.tokens.completion_ids[-1] in SPEECH.ends else "length")


async def test_what_leaves_no_room_for_an_answer_is_refused_and_holds_up_nobody() -> None:
    table = rounds(seeds=("1", "2"), most=10)
    long = (Message("user", "a" * 20),)
    async with asyncio.TaskGroup() as group:
        group.create_task(table.serve())
        short = group.create_task(talk(table.seats[0], ASKED[0], 1, 0))
        with pytest.raises(ContextOverflow, match="tokens, of 10"):
            await talk(table.seats[1], long, 1, 0)
    (said,) = short.result()
    assert said.tokens is not None
    assert len(said.tokens.prompt_ids) + len(said.tokens.completion_ids) <= 10


async def test_who_leaves_while_it_waits_is_not_waited_for() -> None:
    table = rounds(seeds=("1", "2"))
    async with asyncio.TaskGroup() as group:
        group.create_task(table.serve())
        gone = group.create_task(talk(table.seats[1], ASKED[1], 1, 0))
        await asyncio.sleep(0)
        gone.cancel()
        (said,) = await talk(table.seats[0], ASKED[0], 1, 1)
    assert said.text
