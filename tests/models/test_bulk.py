"""Requests that leave as a batch: paid once whatever dies, asked again only where the server has no answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from ocinterp.errors import ModelError
from ocinterp.journal import Journal, Journaled, Price, ticket
from ocinterp.models.bulk import Bulk
from ocinterp.models.refusals import ContextOverflow, EmptyAnswer
from ocinterp.testing.batches import Batches
from ocinterp.testing.server import Asked, Fixed, Refuses, Says, ScriptedServer
from ocinterp.types import Completion, Message


def echo(asked: Asked) -> Fixed:
    return Says(f"to {said(asked)}")


def said(asked: Asked) -> str:
    return cast("list[dict[str, str]]", asked.body["messages"])[-1]["content"]


@dataclass
class Place:
    """A server with a Batch API, and a journal."""

    server: ScriptedServer
    batches: Batches
    path: Path

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncGenerator[Journaled]:
        given: dict[str, Any] = {
            "mark": "run-1",
            "max_tokens": 9,
            "quiet_seconds": 0.05,
            "look_seconds": 0.01,
            **settings,
        }
        async with (
            Journal(self.path) as journal,
            Bulk(self.server.url, "m", ticket=ticket, sleep=hurried, **given) as bulk,
        ):
            yield Journaled(bulk, journal, "m", max_tokens=9, price=Price(1, 1))


async def hurried(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.05))


@asynccontextmanager
async def placed(path: Path, batches: Batches) -> AsyncGenerator[Place]:
    async with ScriptedServer(more=batches.serve) as server:
        yield Place(server, batches, path / "j.sqlite")


async def ask(model: Journaled, words: Sequence[str]) -> list[Completion]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(model.generate([Message("user", each)])) for each in words]
    return [each.result() for each in tasks]


async def test_what_is_asked_together_leaves_together(tmp_path: Path) -> None:
    async with placed(tmp_path, Batches(echo)) as place, place.open(temperature=0.5) as model:
        found = await ask(model, [f"q{at}" for at in range(40)])
        assert [each.text for each in found] == [f"to q{at}" for at in range(40)]
        assert len(place.batches.batches) == 1
        assert place.batches.asked[0].body == {
            "model": "m",
            "messages": [{"role": "user", "content": "q0"}],
            "temperature": 0.5,
            "max_tokens": 9,
        }
        assert found[0].usage is not None
        assert model.journal.report().spent.calls == 40
        await ask(model, ["q1", "late"])
        assert len(place.batches.asked) == 41


async def test_a_full_batch_does_not_wait(tmp_path: Path) -> None:
    async with placed(tmp_path, Batches(echo)) as place, place.open(most_lines=3) as model:
        assert len(await ask(model, [f"q{at}" for at in range(7)])) == 7
        assert sorted(each["looks"] > 0 for each in place.batches.batches.values()) == [True] * 3


async def test_a_process_that_dies_leaves_a_batch_that_the_next_one_finds(tmp_path: Path) -> None:
    batches = Batches(echo, looks=10**6)
    words = [f"q{at}" for at in range(5)]
    async with placed(tmp_path, batches) as place:
        async with place.open() as model:
            task = asyncio.create_task(ask(model, words))
            while not batches.batches:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])
        batches.looks = 1
        async with place.open() as model:
            found = await ask(model, [*words, "one more"])
            assert [each.text for each in found] == [f"to {each}" for each in (*words, "one more")]
            report = model.journal.report()
        assert len(batches.asked) == 6  # nothing twice
        assert len(batches.batches) == 2
        assert (report.settled, report.doubts, report.possible.calls, report.spent.calls) == (6, 0, 0, 6)


async def test_batches_of_other_runs_are_left_alone_and_all_pages_are_read(tmp_path: Path) -> None:
    batches = Batches(echo, page=2)
    async with placed(tmp_path, batches) as place:
        for number in range(5):
            async with place.open(most_lines=1) as model:
                await ask(model, [f"q{number}"])
        (tmp_path / "j.sqlite").unlink()  # the answers are gone, the batches are not
        async with place.open() as model:
            await ask(model, ["q0", "q4"])
        assert len(batches.asked) == 5
        (tmp_path / "j.sqlite").unlink()
        async with place.open(mark="another") as model:
            await ask(model, ["q0"])
        assert len(batches.asked) == 6


async def test_what_expired_is_in_another_batch(tmp_path: Path) -> None:
    batches = Batches(echo, fates=["expired"])
    async with placed(tmp_path, batches) as place, place.open() as model:
        found = await ask(model, ["a", "b", "c", "d"])
        assert [each.text for each in found] == ["to a", "to b", "to c", "to d"]
        assert sorted(said(each) for each in batches.asked) == ["a", "b", "c", "d"]
        assert len(batches.batches) == 2


async def test_what_is_too_much_for_a_server_goes_in_halves(tmp_path: Path) -> None:
    batches = Batches(echo, fates=["failed"])
    async with placed(tmp_path, batches) as place, place.open() as model:
        assert [each.text for each in await ask(model, ["a", "b"])] == ["to a", "to b"]
        assert len(batches.batches) == 3
    none = Batches(echo, fates=["failed"] * 99)
    (tmp_path / "other").mkdir()
    async with placed(tmp_path / "other", none) as place, place.open() as model:
        with pytest.raises(ExceptionGroup) as raised:
            await ask(model, ["a", "b", "c"])
        assert "takes not even one request" in str(raised.value.exceptions[0])
        assert len(none.batches) < 10


async def test_what_is_too_much_beside_others_waits_for_them(tmp_path: Path) -> None:
    batches = Batches(echo, fates=["completed", "failed"], looks=5)
    async with placed(tmp_path, batches) as place, place.open(most_lines=2) as model:
        assert len(await ask(model, ["a", "b", "c", "d"])) == 4
        assert len(batches.batches) == 3
        assert batches.uploads == 2  # a file that is there is not sent again


@pytest.mark.parametrize("failing", [Refuses.because(402, "insufficient_quota", "insufficient_quota"), Says("")])
async def test_what_failed_is_asked_again_by_the_next_process(tmp_path: Path, failing: Fixed) -> None:
    paid = False

    def reply(asked: Asked) -> Fixed:
        return echo(asked) if paid else failing

    async with placed(tmp_path, Batches(reply)) as place:
        async with place.open() as model:
            await failing_so(model, "a")
            await failing_so(model, "a")  # in the same process too
        paid = True
        async with place.open() as model:
            assert [each.text for each in await ask(model, ["a"])] == ["to a"]
            assert model.journal.report().possible.calls == 0


async def failing_so(model: Journaled, words: str) -> None:
    with pytest.raises(ModelError):
        await asyncio.wait_for(model.generate([Message("user", words)]), 20)


async def test_requests_that_are_not_there_any_more_are_asked_again(tmp_path: Path) -> None:
    batches = Batches(echo)
    async with placed(tmp_path, batches) as place:
        async with place.open() as model:
            await ask(model, ["a"])
        (tmp_path / "j.sqlite").unlink()
        batches.files.clear()
        async with place.open() as model:
            assert [each.text for each in await ask(model, ["a"])] == ["to a"]
        assert len(batches.asked) == 2


async def test_a_batch_that_is_refused_says_why(tmp_path: Path) -> None:
    async with placed(tmp_path, Batches(echo, fates=["failed"], why="other")) as place, place.open() as model:
        with pytest.raises(ExceptionGroup) as raised:
            await ask(model, ["a", "b"])
        assert "the batch is not taken" in str(raised.value.exceptions[0])


async def test_a_lost_answer_to_the_making_of_a_batch_makes_no_second_one(tmp_path: Path) -> None:
    batches = Batches(echo, lost=1)
    async with placed(tmp_path, batches) as place, place.open() as model:
        assert [each.text for each in await ask(model, ["a", "b"])] == ["to a", "to b"]
        assert len(batches.batches) == 1


async def test_lines_that_fail_are_asked_again_and_those_that_cannot_be_answered_say_so(tmp_path: Path) -> None:
    tries: list[str] = []

    def reply(asked: Asked) -> Fixed:
        tries.append(said(asked))
        match said(asked):
            case "long":
                return Refuses.because(400, "maximum context length is 10 tokens", "context_length_exceeded")
            case "empty":
                return Says("")
            case "bad" if tries.count("bad") < 3:
                return Refuses.because(500, "no luck")
            case _:
                return Says("well")

    async with placed(tmp_path, Batches(reply)) as place, place.open() as model:
        async with asyncio.TaskGroup() as group:
            bad = group.create_task(ask(model, ["bad"]))
            long = group.create_task(failing(model, "long", ContextOverflow))
            group.create_task(failing(model, "empty", EmptyAnswer))
        assert bad.result()[0].text == "well"
        assert "10 tokens" in long.result()
        assert (tries.count("bad"), tries.count("long"), tries.count("empty")) == (3, 1, 4)


async def failing(model: Journaled, words: str, kind: type[ModelError]) -> str:
    with pytest.raises(kind) as raised:
        await model.generate([Message("user", words)])
    return str(raised.value)


async def test_a_model_that_wants_max_completion_tokens_gets_it(tmp_path: Path) -> None:
    def reply(asked: Asked) -> Fixed:
        if "max_tokens" in asked.body:
            return Refuses.because(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return Says("well")

    async with placed(tmp_path, Batches(reply)) as place, place.open() as model:
        assert [each.text for each in await ask(model, ["a", "b"])] == ["well", "well"]
        assert place.batches.asked[-1].body["max_completion_tokens"] == 9
        count = len(place.batches.batches)
        async with Bulk(
            place.server.url, "m", "run-1", ticket
        ) as bulk:  # another process has learnt it from the old ones
            assert bulk._renamed  # pyright: ignore[reportPrivateUsage]
        assert len(place.batches.batches) == count


async def test_a_server_without_batches_says_so_before_anything_is_asked(tmp_path: Path) -> None:
    async with ScriptedServer() as server:
        with pytest.raises(ModelError, match="no Batch API: run it without --batch"):
            async with Bulk(server.url, "m", "run", ticket):
                pass
