"""A model behind a journal is a model: the loop, its listeners and its critics cannot tell, but the bill can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp import records
from ocinterp.errors import BudgetExhausted, DataError, ModelError, UsageError
from ocinterp.feedback import failures
from ocinterp.journal import Budget, Cost, Journal, Journaled, Price, most_tokens
from ocinterp.loop import rollout
from ocinterp.models.http import HttpModel, Patience
from ocinterp.protocols import Model, ignore
from ocinterp.testing import FakeSandbox, Refuses, Says, ScriptedModel, ScriptedServer, code
from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Failure,
    Message,
    Outcome,
    StopReason,
    Task,
    TextEvent,
    Tokens,
    Usage,
)

ASKED = (Message("user", "print 1"),)
TASK = Task("t/1", ASKED)
FULL = Completion("é𝒳\n", "length", Tokens((1, 2), (3, 4), (-0.1, -1e-300)), Usage(7, 2))

numbers = st.integers(0, 2**53)
logprobs = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@given(
    st.text(),
    st.sampled_from(["stop", "length"]),
    st.none() | st.builds(Usage, numbers, numbers),
    st.lists(st.tuples(numbers, logprobs)),
)
def test_any_completion_is_read_back_the_same(
    text: str, reason: str, usage: Usage | None, said: list[tuple[int, float]]
) -> None:
    tokens = Tokens((1,), tuple(each[0] for each in said), tuple(each[1] for each in said))
    completion = Completion(text, "stop" if reason == "stop" else "length", tokens, usage)
    written = records.completion_to_json(completion)
    assert records.completion_from_json(written) == completion
    assert records.completion_to_json(records.completion_from_json(written)) == written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"text":"a","usage":{"prompt_tokens":"1"}}', "usage.prompt_tokens: input should be a valid integer"),
        ('{"text":"a","x":1}', "x: is not a field"),
        ("{", "not JSON"),
        ('{"text":"a","tokens":{"prompt_ids":[],"completion_ids":[1],"logprobs":[]}}', "1 tokens but 0 logprobs"),
    ],
)
def test_what_is_no_completion_is_refused(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        records.completion_from_json(text)


async def heard(model: Model, messages: Sequence[Message] = ASKED) -> tuple[Completion, list[str]]:
    pieces: list[str] = []
    return await model.generate(messages, on_text=pieces.append), pieces


async def test_an_answer_is_replayed_exactly_and_its_text_in_one_piece(path: Path) -> None:
    script = ScriptedModel([FULL])
    async with Journal(path) as journal:
        assert await heard(Journaled(script, journal, "m")) == (FULL, [FULL.text])
        assert await heard(Journaled(script, journal, "m")) == (FULL, [FULL.text])
    async with Journal(path) as journal:
        assert await heard(Journaled(ScriptedModel([]), journal, "m")) == (FULL, [FULL.text])
    assert len(script.seen) == 1


async def test_what_an_answer_depends_on_is_a_part_of_what_is_asked(path: Path) -> None:
    script = ScriptedModel([str(number) for number in range(8)])
    async with Journal(path) as journal:
        model = Journaled(script, journal, "m", {"temperature": 0.2}, max_tokens=10)
        variants = [
            model,
            replace(model, name="m2"),
            replace(model, settings={"temperature": 0.3}),
            replace(model, max_tokens=11),
            replace(model, sample=1),
            replace(model, scope="other"),
            replace(model, kind="critic"),
        ]
        first = [(await each.generate(ASKED)).text for each in variants]
        first.append((await model.generate((Message("system", "print 1"),))).text)
        assert first == [str(number) for number in range(8)]
        assert [(await each.generate(list(ASKED))).text for each in variants] == first[:7]


def fails_once(cell: Cell) -> ExecutionResult:
    if "prnt" in cell.source:
        return ExecutionResult(cell.id, Outcome.ERROR, error=Failure("NameError", "prnt"))
    return ExecutionResult(cell.id, Outcome.OK, stdout="1\n")


async def test_a_loop_that_runs_again_takes_the_same_way_and_asks_nothing(path: Path) -> None:
    script = ScriptedModel(
        [Completion(code("prnt(1)"), usage=Usage(5, 7)), Completion(code("print(1)"), usage=Usage(9, 7))]
    )

    async def run() -> tuple[object, str]:
        said: list[str] = []
        async with Journal(path) as journal:
            trajectory = await rollout(
                TASK,
                model=Journaled(script, journal, "m", price=Price(1, 2)),
                sandbox=FakeSandbox(fails_once),
                feedback=failures,
                listen=lambda event: said.append(event.text) if isinstance(event, TextEvent) else None,
            )
            assert journal.report().spent == Cost(2, 14, 0, 14, (14 + 28) * 1000)
        assert trajectory.stop is StopReason.DONE
        return trajectory, "".join(said)

    assert await run() == await run()
    assert len(script.seen) == 2


async def test_a_loop_that_was_broken_off_goes_on_where_it_was(path: Path) -> None:
    async def run(model: Model) -> int:
        async with Journal(path) as journal:
            trajectory = await rollout(
                TASK, model=Journaled(model, journal, "m"), sandbox=FakeSandbox(fails_once), feedback=failures
            )
        return len(trajectory.turns)

    with pytest.raises(ModelError, match="gone"):
        await run(_Failing([code("prnt(1)")]))
    rest = ScriptedModel([code("print(1)")])
    assert await run(rest) == 2
    assert len(rest.seen) == 1


@dataclass
class _Failing:
    """Gives the answers of a script and then none."""

    script: list[str]

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        if not self.script:
            raise ModelError("gone")
        on_text(self.script[0])
        return Completion(self.script.pop(0))


async def test_a_model_that_is_journaled_twice_under_one_name_is_refused_and_does_not_wait_for_itself(
    path: Path,
) -> None:
    async with Journal(path) as journal:
        inner = Journaled(ScriptedModel(["a"]), journal, "m")
        with pytest.raises(UsageError, match="an act asks for its own answer: is a model journaled twice"):
            await Journaled(inner, journal, "m").generate(ASKED)
        assert (await Journaled(inner, journal, "outer").generate(ASKED)).text == "a"


async def test_calls_stop_at_the_budget_and_go_on_with_a_larger_one(path: Path) -> None:
    price, messages = Price(1, 1), [(Message("user", str(number)),) for number in range(10)]
    most = price.of(most_tokens(messages[0]), 5).nanodollars
    real = price.of(2, 3).nanodollars
    answers = [Completion("x", usage=Usage(2, 3))] * 10

    async def run(dollars: str) -> int:
        script = ScriptedModel(answers)
        async with Journal(path, budget=Budget(dollars)) as journal:
            model = Journaled(script, journal, "m", max_tokens=5, price=price)
            try:
                for each in messages:
                    await model.generate(each)
            except BudgetExhausted:
                pass
            assert journal.report().spent.dollars <= Decimal(dollars)
        return len(script.seen)

    assert await run(f"{(most + 3 * real) / 1e9:.9f}") == 4
    assert await run(f"{(most + 3 * real) / 1e9:.9f}") == 0
    assert await run("1") == 6


async def test_a_budget_needs_to_know_how_long_an_answer_may_be(path: Path) -> None:
    for budget, price, fine in (
        (Budget(tokens=5), Price(), False),
        (Budget(dollars=5), Price(1, 1), False),
        (Budget(dollars=5), Price(), True),
        (Budget(calls=5), Price(1, 1), True),
    ):
        async with Journal(path, budget=budget) as journal:
            model = Journaled(ScriptedModel(["a"]), journal, str(budget), price=price)
            if fine:
                assert (await model.generate(ASKED)).text == "a"
            else:
                with pytest.raises(UsageError, match="a budget in dollars or tokens needs max_tokens"):
                    await model.generate(ASKED)


@given(st.lists(st.text(), max_size=4))
def test_a_prompt_has_no_more_tokens_than_bytes(texts: list[str]) -> None:
    messages = [Message("user", text) for text in texts]
    assert most_tokens(messages) >= sum(len(text.encode()) for text in texts)


async def test_only_what_a_listener_waits_for_is_told_to_it(path: Path) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    class Slow:
        async def generate(
            self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore
        ) -> Completion:
            on_text("a")
            begun.set()
            await go.wait()
            on_text("b")
            return Completion("ab")

    first: list[str] = []
    async with Journal(path) as journal:
        model = Journaled(Slow(), journal, "m")
        leaving = asyncio.create_task(model.generate(ASKED, on_text=first.append))
        staying = asyncio.create_task(heard(model))
        await begun.wait()
        leaving.cancel()
        await asyncio.wait([leaving])
        go.set()
        assert await staying == (Completion("ab"), ["ab"])
    assert first == ["a"]


async def test_a_real_server_is_asked_once_for_each_and_its_counts_are_settled(path: Path) -> None:
    async with (
        ScriptedServer([Refuses.because(400, "bad"), Says("one answer", piece=5)], repeat_last=True) as server,
        HttpModel(server.url, "scripted", patience=Patience(retries=0)) as http,
        Journal(path) as journal,
    ):
        model = Journaled(http, journal, "scripted", price=Price(1, 10), max_tokens=9)
        with pytest.raises(ModelError, match="bad"):
            await model.generate(ASKED)
        pieces: list[str] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(model.generate(ASKED, on_text=pieces.append))
        assert server.count == 2
        assert "".join(pieces) == "one answer" * 20
        report = journal.report()
    assert (report.settled, report.hits) == (1, 19)
    assert report.spent == Cost(1, 7, 0, 2, 27_000)
    assert report.possible == Price(1, 10).of(most_tokens(ASKED), 9)
