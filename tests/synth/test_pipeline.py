"""A whole run with a teacher by rule: every method, nothing asked twice, and what a crash leaves is gone on with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from ocinterp import __version__, records
from ocinterp.errors import BudgetExhausted, ModelError, UsageError
from ocinterp.journal import UNLIMITED, Budget, Journal, Journaled, JournaledSandbox, Price
from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth import folder, sources, stages
from ocinterp.synth import plan as plans
from ocinterp.synth.desk import Desk
from ocinterp.synth.hardness import Judged
from ocinterp.synth.jury import Jury
from ocinterp.synth.pipeline import METHODS, STAGES, Course
from ocinterp.synth.plan import Plan, Player, Sizes
from ocinterp.synth.rows import Row, trajectory
from ocinterp.testing.teacher import STRONG, WEAK, Teacher
from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Feedback,
    Message,
    Outcome,
    Run,
    Source,
    StopReason,
    Task,
    Trajectory,
    Turn,
)
from ocinterp.verifiers.court import GUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")
PRICE = Price(1, 1)
SIZES = Sizes(simulation=12, correction=8, similar=3, follow_up=4)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    profile = replace(STDLIB, guests=(GUEST,))
    async with NamespaceSandbox(Resources(timeout_seconds=1), profile=profile) as sandbox:
        yield sandbox


def told(title: str) -> str:
    """Words that no other problem has, so that none is near to another."""
    return " ".join(f"{title.split()[-1].lower()}{number}" for number in range(12))


def page(number: int, title: str) -> dict[str, object]:
    """A problem as doocs/leetcode has it, with two programs in Python and one in Go."""
    return {
        "slug": f"{number}.{title}", "difficulty": "Easy", "tags": ["Array", f"Tag{number % 3}"],
        "markdown": (
            f"# [{number}. {title}](https://x)\n\n## Description\n\n<p>Return number {number} plus x, {told(title)}.</p>\n\n"
            f"## Solutions\n\n### Solution 1: Addition\n\nIt adds.\n\n```python\nclass Solution:\n    def go(self, x):\n"
            f"        return x + {number}\n```\n\n```go\nfunc solve(x int) int {{ return x + {number} }}\n```\n\n### Solution 2\n\n"
            f"```python\nclass Solution:\n    def go(self, x):\n        return sum((x, {number}))\n```\n"
        ),
    }  # fmt: skip


def with_tests(number: int, title: str) -> dict[str, object]:
    """The same as LeetCodeDataset has it."""
    slug = title.lower().replace(" ", "-")
    return {
        "task_id": slug, "prompt": "from typing import *\n", "entry_point": "Solution().go", "tags": ["Array", f"Tag{number % 3}"],
        "completion": f"class Solution:\n    def go(self, x):\n        return {number} + x\n", "difficulty": "Easy",
        "test": f"def check(candidate):\n    assert candidate(1) == {number + 1}\n", "input_output": [],
        "problem_description": f"Given x, find what {title} comes to when {number} is added.", "starter_code": "", "response": "",
    }  # fmt: skip


def questions() -> list[dict[str, object]]:
    topics = ("sort a list of names", "count words in a file", "parse dates", "draw a tree", "join two tables")
    return [
        {"instruction": f"Write code to {topic}, for {what}: {told(what + str(number))}.", "response": f"```python\nprint({number})\n```"}
        for number in range(8) for topic in topics for what in ("school", "work")
    ]  # fmt: skip


def chats() -> list[Trajectory]:
    """Sessions that people had: in each the first answer was rated bad, and the second good."""
    subjects = ("elephants", "violins", "glaciers")
    found: list[Trajectory] = []
    for number, each in enumerate(subjects):
        asked = Message("user", f"Count the {each} of a zoo, a band or a map: {told(each)}.")
        first, second = (Cell(f"{at}.1", f"print({number * at})") for at in (1, 2))
        ran = [Run(cell, ExecutionResult(cell.id, Outcome.OK, stdout="0\n")) for cell in (first, second)]
        bad = Feedback(Source.HUMAN, "No, the other way round.", "bad")
        good = Feedback(Source.HUMAN, "", "good")
        turns = (
            Turn(Completion(f"```python\n{first.source}\n```"), (ran[0],), (bad,)),
            Turn(Completion(f"```python\n{second.source}\n```"), (ran[1],), (good,)),
        )
        found.append(Trajectory(f"chat-{number}", (asked,), turns, StopReason.DONE, {"model": "a-model"}))
    return found


def written(place: Path) -> Plan:
    titles = [f"Problem {name}" for name in ("Ada", "Bob", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal", "Ina", "Jon")]
    rows = {
        "pages.jsonl": [page(at, each) for at, each in enumerate(titles[:6])],
        "tested.jsonl": [with_tests(at, each) for at, each in enumerate(titles)],
        "asked.jsonl": questions(),
    }
    for name, those in rows.items():
        (place / name).write_text("".join(f"{json.dumps(each)}\n" for each in those))
    records.write(place / "chats.jsonl", chats())
    inputs = tuple(sources.input_of(place / name) for name in (*rows, "chats.jsonl"))
    return Plan(inputs, {"strong": Player(STRONG), "weak": Player(WEAK)}, least=2, apart=0.0, sizes=SIZES)


@dataclass
class Desks:
    """Desks over one folder, and the teachers that all of them asked."""

    plan: Plan
    place: Path
    sandbox: NamespaceSandbox
    price: Price = PRICE
    teachers: dict[str, Teacher] = field(default_factory=lambda: {WEAK: Teacher(WEAK), STRONG: Teacher(STRONG)})

    @property
    def asked(self) -> int:
        return sum(len(each.seen) for each in self.teachers.values())

    @asynccontextmanager
    async def course(
        self, budget: Budget = UNLIMITED, stop: Callable[[], bool] = lambda: False
    ) -> AsyncGenerator[Course]:
        async with Journal(self.place / folder.JOURNAL, budget=budget) as journal:

            def player(part: str, scope: str) -> Journaled:
                name = self.plan.player(part).model
                return Journaled(self.teachers[name], journal, name, {}, 400, self.price, scope=scope)

            cells = JournaledSandbox(self.sandbox, journal, "ns")
            yield Course(
                self.place, Desk(self.plan, player, cells, Jury(self.sandbox, journal=journal), at_once=6, stop=stop)
            )


@pytest.fixture
def desks(tmp_path: Path, sandbox: NamespaceSandbox) -> Desks:
    (tmp_path / "run").mkdir()
    return Desks(written(tmp_path), tmp_path / "run", sandbox)


async def test_every_method_makes_rows_that_say_where_they_come_from(desks: Desks) -> None:
    async with desks.course() as course:
        found = dict(await course.run())
    assert tuple(found) == STAGES
    rows = list(course.stage("assemble").rows(Row))
    methods = Counter(each.method for each in rows)
    assert set(methods) == {*METHODS}
    assert methods["correction"] <= SIZES.correction
    assert found["follow-up"].rows == SIZES.follow_up  # of which some are near to each other
    for each in rows:
        assert each.sources
        assert each.messages[-1].role == "assistant"
        assert each.messages[0].content.strip()
        by = {turn.by for turn in each.turns}
        if each.method == "chat":
            assert by == {"a-model"}
            continue
        assert by == {"source"} if each.method in ("packing", "similar", "follow-up") else by <= {WEAK, STRONG}
        assert trajectory(each).turns
    assert {each.verify_kind for each in rows if each.method == "similar"} == {"tests"}
    followed = {
        (each.languages == ("python",), each.verified, each.verify_kind) for each in rows if each.method == "follow-up"
    }
    assert followed <= {(True, True, "tests"), (False, False, "tests-in-part")}  # Go is not run here
    assert len(followed) == 2
    assert {each.verify_kind for each in rows if each.method == "correction"} == {"executed"}
    simulated = [each for each in rows if each.method == "simulation"]
    assert any(heard.category and heard.followed for each in simulated for heard in each.feedback)
    assert all(each.calls and all(call.nanodollars > 0 for call in each.calls) for each in simulated)
    assert len({each.id for each in rows}) == len(rows)
    by = {"ocinterp": __version__, "plan": plans.digest(desks.plan)}
    assert all(each.pipeline == by for each in rows)
    asked = {
        heard.by for each in rows for heard in each.feedback if heard.source is Source.SIMULATED_HUMAN and heard.text
    }
    assert asked == {STRONG, "rule"}  # of follow-ups the words are ours
    none_is_lost(course)
    why = {"it is in no pack", "it is answered as another is", "its source has no answer"}
    assert sources.reasons(course.stage("packing")).keys() == why
    had = [each.turns for each in chats()]
    sat = [each for each in rows if each.method == "chat"]
    assert len(sat) == len(had)
    assert all([turn.train for turn in each.turns] == [False, True] for each in sat)
    assert all([heard.rating for heard in each.feedback] == ["bad", "good"] for each in sat)
    assert all(trajectory(each).turns in had for each in sat)


async def test_a_benchmarks_task_that_a_model_wrote_is_in_no_row(desks: Desks) -> None:
    """Nothing of it is in any question."""
    stem = "def solve(values):\n"
    task = Problem(
        Task("Sum/1", (Message("user", stem),), "solve"),
        f"{stem}    return sum(values)\n\nassert solve([1, 2]) == 3\n",
        Calls(()),
        stem,
    )
    async with desks.course() as course:
        course = replace(course, benchmarks=[Benchmark("sums", "1", "", {"Sum/1": task})])
        found = dict(await course.run())
    assert found["decontaminate"].rejected == 0
    assert found["assemble"].numbers["contaminated"] > 5
    assert sources.reasons(course.stage("assemble"))["it may have Sum/1"] == found["assemble"].numbers["contaminated"]
    assert all(
        "return sum(values)" not in turn.text for each in course.stage("assemble").rows(Row) for turn in each.turns
    )


async def test_running_it_again_asks_nothing_and_makes_the_same(desks: Desks) -> None:
    async with desks.course() as course:
        await course.run()
    before, asked = list(course.stage("assemble").rows(Row)), desks.asked
    async with desks.course() as course:
        await course.run()
        assert desks.asked == asked
        for name in STAGES:
            course.stage(name).begin()
    desks.price = Price(9, 9)  # now: what was paid was paid at the old one
    async with desks.course() as course:
        await course.run()
    assert desks.asked == asked
    assert list(course.stage("assemble").rows(Row)) == before
    assert sum(call.nanodollars for each in before for call in each.calls) > 0


async def test_who_is_told_to_stop_goes_on_later_where_it_was(desks: Desks) -> None:
    def stopping() -> bool:
        return desks.asked >= 120

    async with desks.course(stop=stopping) as course:
        found = await course.run()
    assert found[-1][0] != "assemble"
    assert course.stage(found[-1][0]).done is None
    asked = desks.asked
    async with desks.course() as course:
        await course.run()
    rows = list(course.stage("assemble").rows(Row))
    fresh = Desks(desks.plan, desks.place.parent / "fresh", desks.sandbox)
    fresh.place.mkdir()
    async with fresh.course() as other:
        await other.run()
    assert asked >= 120
    assert fresh.asked == desks.asked
    assert [each.id for each in other.stage("assemble").rows(Row)] == [each.id for each in rows]


async def test_a_budget_ends_a_run_and_nothing_is_paid_twice(desks: Desks) -> None:
    async with desks.course(Budget(calls=60)) as course:
        with pytest.raises(BudgetExhausted):
            await course.run()
    assert desks.asked == 60
    async with desks.course() as course:
        await course.run()
    seen = [(name, messages) for name, teacher in desks.teachers.items() for messages in teacher.seen]
    assert max(Counter(seen).values()) <= 2  # the same words within two scopes are two acts, as they should be
    whole = desks.asked
    async with desks.course() as course:
        course.stage("simulation").begin()
        await course.run()
    assert desks.asked == whole


async def test_a_row_that_is_added_costs_its_own_calls_only(desks: Desks, tmp_path: Path) -> None:
    """At the head of a file, so that all others stand elsewhere."""
    desks.plan = replace(desks.plan, sizes=replace(SIZES, simulation=100, similar=0))  # there is room for it
    async with desks.course() as course:
        await course.run()
    before, asked = {each.id for each in course.stage("assemble").rows(Row)}, desks.asked
    more = {
        "instruction": "Write code to weigh one elephant, carefully and with units.",
        "response": "```python\nprint(1)\n```",
    }
    path = tmp_path / "asked.jsonl"
    path.write_text(json.dumps(more) + "\n" + path.read_text())
    desks.plan = replace(desks.plan, inputs=tuple(sources.input_of(Path(each.path)) for each in desks.plan.inputs))
    async with desks.course() as course:
        for name in STAGES:
            course.stage(name).begin()
        await course.run()
    assert 2 <= desks.asked - asked <= 2 + 8  # a judge's scores, and a dialogue
    assert before <= {each.id for each in course.stage("assemble").rows(Row)}


async def test_nobody_is_asked_where_everything_is_taken(desks: Desks) -> None:
    desks.plan = replace(desks.plan, least=0)
    async with desks.course() as course:
        found = dict(await course.run("hard"))
    assert desks.asked == 0
    assert found["hard"].rejected == 0
    with pytest.raises(UsageError, match="there is no stage 'nothing': there are ingest"):
        await course.run("nothing")


async def broken_off(desks: Desks, said: str) -> str:
    """The first stage that is not done after a run that a model ended."""
    async with desks.course() as course:
        with pytest.raises(ModelError, match=said):
            await course.run()
    return next(name for name in STAGES if course.stage(name).done is None)


async def test_a_model_that_cannot_be_asked_ends_the_run_and_takes_no_row_with_it(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocinterp.testing import teacher

    def down(model: str, messages: object) -> str:
        raise ModelError("nobody answers there")

    with monkeypatch.context() as patch:
        patch.setattr(teacher, "reply", down)
        assert await broken_off(desks, "nobody answers") == "judge"
    async with desks.course() as course:
        found = dict(await course.run("judge"))
    assert (found["judge"].rows, found["judge"].rejected) == (99, 0)


async def test_a_question_that_a_server_does_not_take_is_why_there_is_no_row_and_a_server_that_takes_none_ends_the_run(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A content filter refuses some questions for ever; a parameter that a server does not know is refused with each."""
    from ocinterp.models.refusals import RequestRefused
    from ocinterp.testing import teacher

    answer, refused = teacher.reply, set[str]()

    def filtered(model: str, messages: Sequence[Message]) -> str:
        said = messages[-1].content
        if len(refused) < 3 or said in refused:
            refused.add(said)
            raise RequestRefused("the server refused the request (400): content_filter")
        return answer(model, messages)

    with monkeypatch.context() as patch:
        patch.setattr(teacher, "reply", filtered)
        async with desks.course() as course:
            found = dict(await course.run("judge"))
    assert sources.reasons(course.stage("judge"))["a model"] == 3
    assert found["judge"].rows > 1

    def strange(model: str, messages: Sequence[Message]) -> str:
        raise RequestRefused("the server refused the request (422): 'temperature' is not known")

    monkeypatch.setattr(teacher, "reply", strange)
    assert await broken_off(desks, "'temperature' is not known") == "similar"


def none_is_lost(course: Course) -> None:
    """Each question that is hard enough is in a row, or refused."""
    of_methods = [course.stage(name) for name in METHODS]
    told_of = {each.where for stage in of_methods for made in stage.rows(Row) for each in made.sources}
    told_of |= {f"{each.file}:{each.row}" for stage in of_methods for each in stage.rejected()}
    assert {each.query.origin.where for each in course.stage("hard").rows(Judged)} == told_of


async def test_of_a_group_that_is_refused_each_question_is(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocinterp.testing import teacher

    monkeypatch.setattr(teacher, "reply", lambda model, messages: "```python\n1\n```")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    desks.plan = replace(desks.plan, least=0)
    async with desks.course() as course:
        found = dict(await course.run())
    assert found["similar"].rows == 0
    assert found["similar"].rejected >= 2 * SIZES.similar
    none_is_lost(course)


async def test_a_judge_who_gives_no_score_is_a_reason_and_one_who_never_does_ends_the_run(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocinterp.testing import teacher

    monkeypatch.setattr(teacher, "reply", lambda model, messages: "Quite hard.")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(stages, "REFUSED_TOGETHER", 500)
    async with desks.course() as course:
        found = dict(await course.run("judge"))
    reasons = sources.reasons(course.stage("judge"))
    assert found["judge"].rejected == reasons["the judge gave no score"] > 10
    course.stage("judge").begin()
    monkeypatch.setattr(stages, "REFUSED_TOGETHER", 5)
    assert (
        await broken_off(desks, "5 questions one after the other, and the judge gave no score: 'Quite hard.'")
        == "judge"
    )


async def test_an_answer_that_nobody_can_use_is_why_there_is_no_row(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocinterp.testing import teacher

    monkeypatch.setattr(teacher, "reply", lambda model, messages: "I would rather not.")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    desks.plan = replace(desks.plan, least=0)
    async with desks.course() as course:
        await course.run()
    assert {each.method for each in course.stage("assemble").rows(Row)} <= {"chat", "packing", "follow-up", "similar"}
    said = sources.reasons(course.stage("simulation"))
    assert said["the simulated person gave no object with feedback"] == SIZES.simulation
    assert sources.reasons(course.stage("correction"))["there was no code in it"] == SIZES.correction
