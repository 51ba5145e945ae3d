"""`resample` against the settings that refine: as many tokens, drawn in order, chosen by what may be known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from evaluations import ADD, BASE_ONLY, ONLY_SHOWN, TWICE, WRONG, attempts_of, open_desk
from ocinterp.bench import board, evaluation
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.hidden import Scored
from ocinterp.bench.matched import accepted, matched
from ocinterp.bench.results import Dataset
from ocinterp.bench.run import Crash, Ended
from ocinterp.bench.settings import Setting, chosen
from ocinterp.errors import SandboxError
from ocinterp.testing import ScriptedModel, code
from ocinterp.types import Completion, StopReason, Trajectory, Turn, Usage

DATASET = Dataset("own", "own", "0" * 32, known=False)
SETTINGS = chosen(["resample", "visible", "execution-plus"], suites=("base", "plus"), turns=3)
RESAMPLE, VISIBLE, EXECUTION = SETTINGS
TASKS = ("own/add", "own/twice")


def costing(program: str, tokens: int) -> Completion:
    return Completion(code(program), usage=Usage(tokens - 1, 1))


def answers(setting: Setting, task_id: str, sample: int) -> ScriptedModel:
    """Visible refines own/add for 30 tokens, execution for 60; own/twice is right at once. A sample costs 15, or 5."""
    if setting.name == "resample":
        programs = {"own/add": [WRONG, ONLY_SHOWN, ADD, WRONG, WRONG], "own/twice": [TWICE]}[task_id]
        return ScriptedModel([costing(programs[sample], 15 if task_id == "own/add" else 5)])
    if task_id == "own/twice":
        return ScriptedModel([costing(TWICE, 5)])
    if setting.name == "visible":
        return ScriptedModel([costing(WRONG, 10), costing(BASE_ONLY, 20)])
    return ScriptedModel([costing(WRONG, 10), costing(BASE_ONLY, 20), costing(ADD, 30)])


def gathered(ended: Sequence[Ended], settings: Sequence[Setting] = SETTINGS) -> Evaluation:
    return evaluation.gathered(DATASET, {}, settings, TASKS, {each.key: each for each in ended})


def content(found: Evaluation) -> dict[str, dict[str, object]]:
    return {each["rival"]: each for each in json.loads(evaluation.dumps(found))["equal_budget"]}


@pytest.mark.usefixtures("namespaces")
async def test_answers_are_drawn_until_they_cost_as_much_as_the_dearest_setting(tmp_path: Path) -> None:
    async with open_desk(tmp_path, answers) as desk:
        ended = await attempts_of(desk, SETTINGS, TASKS)
    assert [each.key.setting for each in ended][-5:] == ["resample"] * 5  # whatever its place in the list
    drawn = [each.key for each in ended if each.key.setting == "resample"]
    assert sorted(each.sample for each in drawn if each.task_id == "own/add") == [0, 1, 2, 3]
    assert [each.sample for each in drawn if each.task_id == "own/twice"] == [0]
    found = gathered(ended)
    numbers = json.loads(evaluation.dumps(found))["settings"]["resample"]
    assert (numbers["samples"], numbers["missing"], numbers["pass@1"]) == (4, 0, (1 / 4 + 1) / 2)
    console = Console(width=160)
    with console.capture() as printed:
        console.print(board.render(found))
    rows = [line.split() for line in printed.get().splitlines() if line.startswith(("visible ", "execution-plus * "))]
    assert ["visible", "1.5", "50.0", "50.0", "<", "50.0", "+0.0"] in [row[:7] for row in rows]
    assert ["execution-plus", "*", "2.5", "62.5", "50.0", "100.0", "<", "+0.0"] in [row[:8] for row in rows]


@pytest.mark.usefixtures("namespaces")
async def test_each_setting_is_compared_with_what_its_own_tokens_buy(tmp_path: Path) -> None:
    async with open_desk(tmp_path, answers) as desk:
        ended = await attempts_of(desk, SETTINGS, TASKS)
    found = content(gathered(ended))
    visible, execution = found["visible"], found["execution-plus"]
    assert (visible["samples"], visible["tokens"], visible["budget"]) == (1.5, 35, 35)
    assert (execution["samples"], execution["tokens"], execution["budget"]) == (2.5, 65, 65)

    def rates(one: dict[str, object]) -> list[object]:
        return [value["pass@1"] for kind in ("one", "chosen", "best") if isinstance(value := one[kind], dict)]

    assert rates(visible) == [0.5, 0.5, 0.5]  # of two answers the second is chosen, since the shown test accepts it
    assert rates(execution) == [(1 / 4 + 1) / 2, 0.5, 1.0]
    assert (visible["against"], visible["measure"]) == ("chosen", "unseen")
    assert (execution["against"], execution["measure"]) == ("best", "plus")  # it too ends with what passes
    assert (execution["difference"], execution["gained"], execution["lost"]) == (0.0, 0, 0)


@pytest.mark.usefixtures("namespaces")
async def test_a_run_that_goes_on_draws_what_is_left_and_comes_to_the_same(tmp_path: Path) -> None:
    async with open_desk(tmp_path, answers) as desk:
        whole = await attempts_of(desk, SETTINGS, TASKS)
        for kept in range(len(whole) + 1):
            more: list[Ended] = []
            await desk.evaluate(SETTINGS, TASKS, done=whole[:kept], on_end=more.append)
            assert {each.key for each in more} == {each.key for each in whole[kept:]}
            assert content(gathered([*whole[:kept], *more])) == content(gathered(whole))


@pytest.mark.usefixtures("namespaces")
async def test_a_setting_that_is_added_draws_on_and_one_that_is_left_out_takes_fewer(tmp_path: Path) -> None:
    fewer = chosen(["resample", "visible"], suites=("base", "plus"), turns=3)
    async with open_desk(tmp_path, answers) as desk:
        first = await attempts_of(desk, fewer, TASKS)
        more: list[Ended] = []
        await desk.evaluate(SETTINGS, TASKS, done=first, on_end=more.append)
    assert sum(each.key.setting == "resample" for each in first) == 3
    assert sum(each.key.setting == "resample" for each in more) == 2
    both = gathered([*first, *more])
    assert content(both)["visible"] == content(gathered(first, fewer))["visible"]
    assert content(gathered([*first, *more], fewer)) == content(gathered(first, fewer))


@pytest.mark.usefixtures("namespaces")
async def test_nothing_is_drawn_for_a_task_whose_dialogue_crashed_until_it_has_been_made(tmp_path: Path) -> None:
    class Failing(ScriptedModel):
        async def generate(self, messages: object, /, **options: object) -> Completion:
            raise SandboxError("no more processes")

    def broken(setting: Setting, task_id: str, sample: int) -> ScriptedModel:
        return Failing([]) if (setting.name, task_id) == ("visible", "own/add") else answers(setting, task_id, sample)

    ended: list[Ended] = []
    async with open_desk(tmp_path, broken) as desk:
        await desk.evaluate(SETTINGS, TASKS, on_end=ended.append)
    assert [each.key for each in ended if isinstance(each, Crash)] == [Key("visible", "own/add")]
    assert [each.key.task_id for each in ended if each.key.setting == "resample"] == ["own/twice"]
    found = gathered(ended)
    numbers = json.loads(evaluation.dumps(found))["settings"]["resample"]
    assert (numbers["missing"], numbers["pass@1"], content(found)) == (1, None, {})


def test_where_nothing_refines_as_many_are_drawn_as_a_dialogue_has_turns() -> None:
    (alone,) = chosen(["resample"], suites=("base",), turns=5)
    assert (alone.samples, alone.equal_budget) == (5, False)
    _, single = chosen(["resample", "single"], suites=("base",), turns=5)
    assert single.samples == 1


def sample(status: str, *, stop: StopReason | None = StopReason.MAX_TURNS) -> Attempt:
    turn = Turn(Completion("x", usage=Usage(9, 1)))
    return Attempt(Key("resample", "t"), Trajectory("t", (), (turn,), stop), (Scored(status, status, status),))


def test_the_first_answer_that_visible_tests_accept_is_chosen_right_or_wrong() -> None:
    rejected, right, wrong = sample("pass"), sample("pass", stop=StopReason.DONE), sample("wrong", stop=StopReason.DONE)
    assert accepted([rejected, wrong, right]) is wrong
    assert accepted([rejected, sample("wrong")]) is rejected
    mute = replace(rejected, trajectory=Trajectory("t", ()), turns=())
    assert accepted([mute, right]) is right


def test_a_setting_that_hears_of_scoring_tests_must_beat_any_answer_that_is_right() -> None:
    drawn = {"t": [sample("wrong", stop=StopReason.DONE), sample("pass")]}
    dialogue = Attempt(Key("any", "t"), replace(drawn["t"][0].trajectory, turns=drawn["t"][0].trajectory.turns * 2), ())
    dialogue = replace(dialogue, turns=(Scored("pass", "pass", "pass"),))
    against = [matched(each, drawn, {"t": dialogue}) for each in (VISIBLE, EXECUTION)]
    assert [(each.chosen.value, each.best.value) for each in against] == [(0, 1), (0, 1)]
    assert [(each.against, each.difference.gained) for each in against] == [("chosen", 1), ("best", 0)]
