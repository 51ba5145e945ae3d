"""What is asked at the same time is answered together, each as if it were alone, and nobody is held up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.pocket.tiny import model, tokenizer
from ocinterp.errors import ModelError
from ocinterp.models.batched import OTHERS, Batched
from ocinterp.models.engine import Limits, Sampling, Schedule, Strand, Token
from ocinterp.models.pocket.engine import PocketEngine
from ocinterp.models.pocket.model import Speech
from ocinterp.models.refusals import ContextOverflow
from ocinterp.types import Completion, Message

TOKENIZER = tokenizer()
SPEECH = Speech.of(TOKENIZER)


class CountDown:
    """An engine that says the number below the last one, until 0; it keeps how many were carried on in each step."""

    positions = 1000

    def __init__(self) -> None:
        self.strands: list[Strand] = []
        self.steps: list[int] = []
        self.gate: threading.Semaphore | None = None  # where there is one, a step needs leave
        self.broken = False

    def join(self, strand: Strand, /) -> None:
        self.strands.append(strand)

    def leave(self, strand: Strand, /) -> None:
        self.strands.remove(strand)

    def step(self) -> Sequence[Token]:
        if self.gate is not None:
            assert self.gate.acquire(timeout=60)
        if self.broken:
            raise MemoryError("no more")
        self.steps.append(len(self.strands))
        return [Token(each, each.ids[-1] - 1, -0.5) for each in self.strands]


class Numbers:
    """A dialogue is the number that was said last; an answer is its numbers."""

    ends = frozenset({0})

    def prompt(self, messages: Sequence[Message], /) -> list[int]:
        return [int(messages[-1].content)]

    def stream(self) -> Numbers:
        return self

    def add(self, number: int, /) -> str:
        return f"{number}," if number else ""

    def end(self) -> str:
        return "."


def asked(text: object) -> list[Message]:
    return [Message("user", str(text))]


async def together(batched: Batched, prompts: Sequence[object]) -> list[Completion]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(batched.generate(asked(each))) for each in prompts]
    return [each.result() for each in tasks]


async def test_answers_come_whole_with_their_tokens() -> None:
    async with Batched(CountDown(), Numbers(), Sampling(max_tokens=10)) as batched:
        found = await batched.generate(asked(3))
        assert (found.text, found.finish_reason) == ("2,1,.", "stop")
        assert found.tokens is not None
        assert (found.tokens.prompt_ids, found.tokens.completion_ids) == ((3,), (2, 1, 0))
        assert found.tokens.logprobs == (-0.5,) * 3
        assert found.usage is not None
        assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (1, 3)
        cut = await batched.generate(asked(30))
        assert (cut.text, cut.finish_reason) == ("29,28,27,26,25,24,23,22,21,20,.", "length")


async def test_what_is_asked_at_once_is_answered_in_one_batch() -> None:
    engine = CountDown()
    engine.gate = threading.Semaphore(0)
    async with Batched(engine, Numbers(), Sampling(max_tokens=10)) as batched, asyncio.TaskGroup() as group:
        tasks = [group.create_task(batched.generate(asked(number))) for number in (5, 3, 9)]
        await asyncio.sleep(0)  # all have asked
        engine.gate.release(1000)
    assert [each.result().text.count(",") for each in tasks] == [4, 2, 8]
    assert sum(engine.steps) == 5 + 3 + 9
    assert len(engine.steps) <= 10  # the first may have begun alone


async def test_who_comes_later_joins_and_who_has_ended_leaves() -> None:
    engine = CountDown()
    engine.gate = threading.Semaphore(0)
    async with Batched(engine, Numbers(), Sampling(max_tokens=50)) as batched, asyncio.TaskGroup() as group:
        heard = asyncio.Event()
        long = group.create_task(batched.generate(asked(9), on_text=lambda _: heard.set()))
        engine.gate.release(2)
        await heard.wait()
        short = group.create_task(batched.generate(asked(2)))
        await asyncio.sleep(0)
        engine.gate.release(1000)
    assert (len(long.result().text), len(short.result().text)) == (17, 3)
    assert engine.steps[0] == 1
    assert max(engine.steps) == 2
    assert engine.steps[-1] == 1
    assert engine.strands == []


async def test_pieces_come_as_they_are_said_and_join_to_the_whole() -> None:
    engine = CountDown()
    engine.gate = threading.Semaphore(0)
    pieces: list[str] = []

    def hear(piece: str) -> None:
        pieces.append(piece)
        assert engine.gate is not None
        engine.gate.release()  # the next one is made only when this one has been heard

    async with Batched(engine, Numbers(), Sampling(max_tokens=10)) as batched:
        engine.gate.release()
        found = await batched.generate(asked(4), on_text=hear)
    assert pieces == ["3,", "2,", "1,", "."]
    assert found.text == "".join(pieces)


async def test_one_who_goes_away_disturbs_nobody() -> None:
    engine = CountDown()
    engine.gate = threading.Semaphore(0)
    async with Batched(engine, Numbers(), Sampling(max_tokens=50)) as batched, asyncio.TaskGroup() as group:
        heard = asyncio.Event()
        gone = asyncio.create_task(batched.generate(asked(40), on_text=lambda _: heard.set()))
        stays = group.create_task(batched.generate(asked(8)))
        engine.gate.release(2)
        await heard.wait()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        engine.gate.release(1000)
    assert stays.result().text == "7,6,5,4,3,2,1,."
    assert len(engine.steps) <= 12  # the other one was not carried on to its end
    assert engine.strands == []


async def test_what_a_listener_raises_ends_its_answer_alone() -> None:
    def refuse(_: str) -> None:
        raise ValueError("not this")

    async with Batched(CountDown(), Numbers(), Sampling(max_tokens=50)) as batched:
        with pytest.raises(ValueError, match="not this"):
            await batched.generate(asked(5), on_text=refuse)
        assert (await batched.generate(asked(3))).text == "2,1,."


async def test_an_engine_that_fails_fails_all_who_wait_and_is_asked_again() -> None:
    engine = CountDown()
    async with Batched(engine, Numbers(), Sampling(max_tokens=50)) as batched:
        engine.broken = True
        with pytest.raises(ExceptionGroup) as caught:
            await together(batched, (3, 4))
        assert all("its engine failed: MemoryError('no more')" in str(each) for each in caught.value.exceptions)
        assert caught.group_contains(ModelError)
        engine.broken = False
        assert [each.text for each in await together(batched, (3, 4))] == ["2,1,.", "3,2,1,."]


async def test_who_asks_after_the_end_is_told() -> None:
    batched = Batched(CountDown(), Numbers(), name="pocket")
    async with batched:
        pass
    with pytest.raises(ModelError, match="pocket was asked after it had been put away"):
        await batched.generate(asked(3))


async def test_who_waits_at_the_end_is_told() -> None:
    engine = CountDown()
    engine.gate = threading.Semaphore(0)
    async with Batched(engine, Numbers()) as batched:
        left = asyncio.create_task(batched.generate(asked(3)))
        await asyncio.sleep(0)
        engine.gate.release(1)
        engine.broken = True
    with pytest.raises(ModelError):
        await left


async def test_a_dialogue_that_leaves_no_room_for_an_answer_is_refused() -> None:
    async with Batched(PocketEngine(model()), SPEECH, name="pocket") as batched:
        with pytest.raises(ContextOverflow, match=r"the dialogue has 1,003 tokens; pocket can take in fewer than 64"):
            await batched.generate(asked("1" * 1000))


def test_no_more_are_carried_on_at_once_than_may_be() -> None:
    engine = CountDown()
    schedule = Schedule(engine, Limits(strands=3))
    strands = [Strand([number], Sampling(), frozenset({0})) for number in (5, 9, 2, 4, 7)]
    schedule.add(strands)
    while not schedule.idle:
        schedule.step()
    assert max(engine.steps) == 3
    assert [each.said for each in strands] == [list(range(number - 1, -1, -1)) for number in (5, 9, 2, 4, 7)]


def test_caches_stay_within_their_limit() -> None:
    class Measured(CountDown):
        most = 0

        def step(self) -> Sequence[Token]:
            self.most = max(self.most, len(self.strands) * max(len(each.ids) for each in self.strands))
            return super().step()

    engine = Measured()
    schedule = Schedule(engine, Limits(positions=150))
    strands = [Strand([number], Sampling(), frozenset({0})) for number in (90, 100, 60, 80)]
    schedule.add(strands)
    while not schedule.idle:
        schedule.step()
    assert engine.most <= 150
    assert max(engine.steps) > 1
    assert all(each.finish == "stop" for each in strands)


async def test_the_same_is_answered_alone_and_together() -> None:
    prompts = ["sort it", "add one", "sort it", "a much longer question than the others are"]
    async with Batched(PocketEngine(model()), SPEECH, Sampling(max_tokens=12)) as batched:
        found = await together(batched, prompts)
        alone = [await batched.generate(asked(each)) for each in prompts]
    assert [each.text for each in found] == [each.text for each in alone]
    for one, other in zip(found, alone, strict=True):
        assert one.tokens is not None
        assert other.tokens is not None
        assert one.tokens.completion_ids == other.tokens.completion_ids
        assert one.tokens.logprobs == pytest.approx(other.tokens.logprobs, abs=1e-3)


async def test_draws_differ_from_time_to_time_and_come_again_with_their_seed() -> None:
    async def drawn(seed: int, prompts: Sequence[str]) -> list[str]:
        async with Batched(PocketEngine(model()), SPEECH) as batched:
            voice = batched.voice(Sampling(1.0, 12, seed))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(voice.generate(asked(each))) for each in prompts]
        return [each.result().text for each in tasks]

    first = await drawn(1, ["sort it"] * 3)
    assert len(set(first)) == 3
    assert (await drawn(1, ["add one", "sort it", "add two", "sort it"]))[1::2] == first[:2]
    assert not set(first) & set(await drawn(2, ["sort it"] * 3))


async def test_voices_with_their_own_settings_share_the_engine() -> None:
    async with Batched(CountDown(), Numbers(), Sampling(max_tokens=2)) as batched:
        assert (await batched.generate(asked(9))).text == "8,7,."
        assert (await batched.voice(Sampling(max_tokens=3)).generate(asked(9))).text == "8,7,6,."


@pytest.mark.parametrize("temperature", [0.0, 0.7])
async def test_others_are_the_model_itself_drawing_by_chance(temperature: float) -> None:
    async with Batched(PocketEngine(model()), SPEECH, Sampling(temperature, max_tokens=12)) as batched:
        usual = (await batched.generate(asked("sort it"))).text
        said = [(await each.generate(asked("sort it"))).text for each in batched.others()]
    assert len({usual, *said}) == 1 + OTHERS


def test_callers_may_be_in_several_event_loops() -> None:
    batched = Batched(CountDown(), Numbers(), Sampling(max_tokens=20))

    async def answer(number: int) -> str:
        return (await batched.generate(asked(number), on_text=lambda _: None)).text

    def ask(number: int) -> str:
        return asyncio.run(answer(number))

    async def end() -> None:
        async with batched:
            pass

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(ask, (5, 3, 9)))
    asyncio.run(end())
    assert [each.count(",") for each in found] == [4, 2, 8]
