"""The critic of the benchmark `pocket` says what was meant, and nothing of the code."""

from __future__ import annotations

import ast

from ocinterp.bench.rule import RuleCritic
from ocinterp.feedback.simulated import SimulatedHuman, program_in
from ocinterp.tasks.pocket import benchmark
from ocinterp.types import Completion, Message, Source, Task, Trajectory, Turn

ITEMS = benchmark.held_out()
TASK_ID, ITEM = next(
    (name, item)
    for name, item in ITEMS.items()
    if len(item.program.steps) == 3 and sum(len(step.operation.meanings) > 1 for step in item.program.steps) > 1
)


def misread() -> str:
    """A program that takes another meaning wherever there is one."""
    steps = [step.meaning_as((step.meaning + 1) % len(step.operation.meanings)) for step in ITEM.program.steps]
    return ITEM.program.with_steps(steps).source()


async def heard(program: str, solution: str = "") -> str:
    async def report(_: Trajectory) -> str:
        return "A test fails.\nInput: 1\nExpected: 2\nActual: 3"

    person = SimulatedHuman(RuleCritic(TASK_ID), lambda _: program, report, solution)
    task = Task(TASK_ID, ITEM.problem(TASK_ID).task.prompt, ITEM.program.function, ())
    (said,) = await person(task, Trajectory(TASK_ID, task.prompt), Turn(Completion("", "stop")))
    assert said.source is (Source.ORACLE if solution else Source.SIMULATED_HUMAN)
    assert said.rating == "bad"
    return said.text


async def test_a_person_names_the_first_wrong_step_and_an_oracle_all() -> None:
    several = [at for at, step in enumerate(ITEM.program.steps, 1) if len(step.operation.meanings) > 1]
    person, oracle = await heard(misread()), await heard(misread(), ITEM.program.source())
    assert f"step {several[0]}" in person.lower()
    assert f"step {several[1]}" not in person.lower()
    assert all(f"step {at}" in oracle.lower() for at in several)


async def test_the_same_program_is_told_the_same() -> None:
    assert await heard(misread()) == await heard(misread())


async def test_a_right_program_that_fails_has_a_slip_in_its_code() -> None:
    assert "code" in await heard(ITEM.program.source())


async def test_a_brief_with_a_report_that_looks_like_one_is_read_rightly() -> None:
    person = SimulatedHuman(RuleCritic(TASK_ID), lambda _: "", lambda _: heard(""), "")
    task = Task(TASK_ID, ITEM.problem(TASK_ID).task.prompt, ITEM.program.function, ())
    assert program_in(person.brief(task, "def f():\n    pass", "wrong")) == ("def f():\n    pass", False)
    assert program_in(
        SimulatedHuman(RuleCritic(TASK_ID), lambda _: "", lambda _: heard(""), "x").brief(task, "", "no")
    ) == (
        "",
        True,
    )


async def test_what_is_said_is_no_code() -> None:
    for name, item in list(ITEMS.items())[::100]:
        words = (await RuleCritic(name).generate(_brief(name, ""))).text
        for line in item.program.source().splitlines()[1:]:
            assert line.strip() not in words
        assert not _is_code(words)


def _brief(task_id: str, program: str) -> tuple[Message, ...]:
    human = SimulatedHuman(RuleCritic(task_id), lambda _: program, lambda _: heard(program))
    return human.brief(ITEMS[task_id].problem(task_id).task, program, "wrong")


def _is_code(words: str) -> bool:
    try:
        ast.parse(words)
    except SyntaxError:
        return False
    return True
