"""ConvCodeWorld's nine settings: who hears what, when a dialogue ends, and the numbers of its turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evaluations import ADD, ROWS, TWICE, WRONG, attempts_of, open_desk, scripted
from ocinterp.bench import conv, evaluation
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.hidden import Scored
from ocinterp.bench.results import Dataset
from ocinterp.bench.settings import Setting, chosen
from ocinterp.errors import UsageError
from ocinterp.feedback.simulated import NOVICE
from ocinterp.testing import ScriptedModel, code
from ocinterp.types import Completion, Message, Source, Trajectory, Turn

SUITES = ("base", "plus")
BROKEN = "def add(a, b)\n    return a + b\n"
LATE = "def add(a, b):\n    return a + b if abs(a) < 50_000 else 0\n"  # right in the first three tests of five
TESTS = [[1, 2], [5, 7], [11, 13], [50_001, 1], [50_002, 1]]
SPOKEN = "It forgets large numbers."
REFERENCE = "total = total + number"

NINE = (
    *("conv-compile", "conv-partial", "conv-full"),
    *("conv-novice", "conv-partial-novice", "conv-full-novice"),
    *("conv-expert", "conv-partial-expert", "conv-full-expert"),
)


def setting(name: str, turns: int = 10) -> Setting:
    (found,) = chosen([name], conv_turns=turns, suites=SUITES)
    return found


@dataclass
class Heard:
    """A dialogue of a setting: what the model and the critic were shown, and what came of it."""

    model: ScriptedModel
    critic: ScriptedModel
    attempt: Attempt = field(init=False)

    @property
    def told(self) -> list[str]:
        """What the model was told after each answer."""
        return [seen[-1].content for seen in self.model.seen[1:]]

    @property
    def briefs(self) -> list[str]:
        return ["\n".join(message.content for message in seen) for seen in self.critic.seen]

    @property
    def sources(self) -> list[list[Source]]:
        return [[each.source for each in turn.feedback] for turn in self.attempt.trajectory.turns]


async def heard(folder: Path, name: str, *answers: str, turns: int = 10) -> Heard:
    """What is said of these programs, in their order."""
    found = Heard(ScriptedModel([code(each) for each in answers]), ScriptedModel([SPOKEN] * 20))

    def model(setting: Setting, task_id: str, sample: int) -> ScriptedModel:
        return found.model

    async with open_desk(folder, model, critic=lambda task_id: found.critic, base=TESTS) as desk:
        (found.attempt,) = await attempts_of(desk, [setting(name, turns)])
    return found


def test_the_group_is_all_nine_and_each_says_what_is_shown() -> None:
    found = {each.name: each for each in chosen(["conv"], suites=SUITES)}
    assert tuple(found) == conv.NAMES == NINE
    assert [name for name, each in found.items() if not each.shows_tests] == ["conv-compile", "conv-novice"]
    assert [name for name, each in found.items() if each.shows_solution] == [each for each in NINE if "expert" in each]
    assert [name for name, each in found.items() if not each.asks_critic] == list(NINE[:3])
    assert {each.measure for each in found.values()} == {"plus"}
    assert all(each.label.startswith("up to 10 turns; ") for each in found.values())
    assert "first 3 scoring tests" in found["conv-partial"].label
    assert "has the solution" in found["conv-full-expert"].label
    with pytest.raises(UsageError, match=r"no setting 'conv-half'; expected some of .*conv-partial-novice"):
        chosen(["conv-half"], suites=SUITES)


@pytest.mark.usefixtures("namespaces")
async def test_a_compiler_speaks_of_syntax_alone(tmp_path: Path) -> None:
    found = await heard(tmp_path, "conv-compile", BROKEN, WRONG)
    (told,) = found.told
    assert "SyntaxError" in told
    assert "line 1" in told
    assert found.sources == [[Source.EXECUTION], []]
    assert found.attempt.scored.status("plus") == "wrong"  # it compiles, and nothing more is heard


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("name", ["conv-compile", "conv-full", "conv-expert"])
async def test_a_broken_example_beside_a_program_that_is_right_is_not_spoken_of(tmp_path: Path, name: str) -> None:
    found = ScriptedModel([f"{code(ADD)}\nUse it so:\n{code('add(1, 2')}"])
    unasked = ScriptedModel([])
    async with open_desk(
        tmp_path, lambda setting, task_id, sample: found, critic=lambda task_id: unasked, base=TESTS
    ) as desk:
        (ended,) = await attempts_of(desk, [setting(name)])
    assert (len(ended.turns), ended.scored.base) == (1, "pass")


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("name", ["conv-compile", "conv-full", "conv-expert"])
async def test_an_answer_without_a_program_does_not_compile(tmp_path: Path, name: str) -> None:
    model, critic = ScriptedModel(["I cannot.", code(ADD)]), ScriptedModel([SPOKEN])
    async with open_desk(
        tmp_path, lambda setting, task_id, sample: model, critic=lambda task_id: critic, base=TESTS
    ) as desk:
        (ended,) = await attempts_of(desk, [setting(name)])
    assert model.seen[1][-1].content.startswith("There is no Python program in the answer.")
    assert (critic.seen, ended.scored.base) == ([], "pass")  # an expert is asked of what compiles


@pytest.mark.usefixtures("namespaces")
async def test_of_partial_coverage_the_first_three_tests_are_heard_and_no_other(tmp_path: Path) -> None:
    found = await heard(tmp_path, "conv-partial", WRONG, LATE)
    (told,) = found.told
    assert "Input: add(1, 2)\nExpected: 3\nActual: -1" in told
    assert found.sources == [[Source.TESTS], []]
    assert [each.base for each in found.attempt.turns] == ["wrong", "wrong"]  # all tests count


@pytest.mark.usefixtures("namespaces")
async def test_of_full_coverage_every_test_is_heard_until_all_pass(tmp_path: Path) -> None:
    found = await heard(tmp_path, "conv-full", WRONG, LATE, ADD)
    assert "Input: add(1, 2)" in found.told[0]
    assert "Input: add(50001, 1)\nExpected: 50002\nActual: 0" in found.told[1]
    assert all("Fix the program" in each for each in found.told)
    assert found.attempt.scored.status("plus") == "pass"


@pytest.mark.usefixtures("namespaces")
async def test_a_novice_says_in_words_what_was_heard_and_knows_no_more(tmp_path: Path) -> None:
    found = await heard(tmp_path, "conv-full-novice", BROKEN, LATE, ADD)
    assert ["SyntaxError" in each for each in found.briefs] == [True, False]
    assert "Input: add(50001, 1)" in found.briefs[1]
    assert not [each for each in found.briefs if REFERENCE in each]
    assert {seen[0].content for seen in found.critic.seen} == {NOVICE}
    assert all(each.endswith(f"\n\n{SPOKEN}") for each in found.told)  # behind the machine's own words
    assert found.sources == [
        [Source.EXECUTION, Source.SIMULATED_HUMAN],
        [Source.TESTS, Source.SIMULATED_HUMAN],
        [],
    ]


@pytest.mark.usefixtures("namespaces")
async def test_a_novice_without_tests_has_nothing_to_say_of_what_compiles(tmp_path: Path) -> None:
    found = await heard(tmp_path, "conv-novice", BROKEN, WRONG)
    assert (len(found.critic.seen), found.sources) == (1, [[Source.EXECUTION, Source.SIMULATED_HUMAN], []])
    partly = await heard(tmp_path, "conv-partial-novice", LATE)
    assert (partly.critic.seen, partly.told) == ([], [])


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize(
    ("name", "report"), [("conv-expert", ""), ("conv-partial-expert", ""), ("conv-full-expert", "Input: add(50001, 1)")]
)
async def test_an_expert_speaks_until_all_tests_pass_and_has_the_solution(
    tmp_path: Path, name: str, report: str
) -> None:
    found = await heard(tmp_path, name, LATE, LATE, ADD)
    assert len(found.briefs) == 2
    assert all(REFERENCE in each for each in found.briefs)
    assert ["add(50001" in each for each in found.briefs] == [bool(report)] * 2
    assert ["add(50001" in each for each in found.told] == [bool(report)] * 2
    assert all(SPOKEN in each for each in found.told)
    assert found.attempt.scored.status("plus") == "pass"


@pytest.mark.usefixtures("namespaces")
async def test_an_expert_who_quotes_the_solution_is_reported(tmp_path: Path) -> None:
    quoting = ScriptedModel([f"Write it so:\n{ROWS[0]['canonical_solution']}"])
    answers = scripted({"own/add": [code(LATE), code(ADD)]})
    async with open_desk(tmp_path, answers, critic=lambda task_id: quoting, base=TESTS) as desk:
        (ended,) = await attempts_of(desk, [setting("conv-expert")])
    assert ended.leaks > 5


@pytest.mark.usefixtures("namespaces")
async def test_a_dialogue_ends_after_as_many_answers_as_are_allowed(tmp_path: Path) -> None:
    found = await heard(tmp_path, "conv-full", *[WRONG] * 10)
    assert len(found.attempt.trajectory.turns) == 10
    shorter = await heard(tmp_path, "conv-full", *[WRONG] * 3, turns=3)
    assert len(shorter.attempt.trajectory.turns) == 3


def solved(*turns: int | None, of: int = 10) -> Evaluation:
    """An evaluation of `conv-full` in which each task is solved at that turn, if at all."""
    ended: dict[Key, Attempt] = {}
    full = setting("conv-full", of)
    for number, turn in enumerate(turns):
        key = Key("conv-full", str(number))
        scored = [Scored(*["pass" if each == turn else "wrong"] * 3) for each in range(1, (turn or of) + 1)]
        answers = (Turn(Completion("")),) * len(scored)
        ended[key] = Attempt(key, Trajectory(str(number), (Message("user", "Do it."),), answers), tuple(scored))
    dataset = Dataset("own", "own", "0" * 32, known=False)
    return evaluation.gathered(dataset, {}, [full], [each.task_id for each in ended], ended)


def test_mrr_and_recall_are_of_the_first_turn_that_solves_a_task() -> None:
    found = solved(1, 1, 2, 4, None)
    numbers = json.loads(evaluation.dumps(found))["settings"]["conv-full"]
    assert (numbers["mrr"], numbers["recall"]) == (pytest.approx((1 + 1 + 1 / 2 + 1 / 4) / 5), 0.8)
    assert (numbers["turns"], numbers["solution_shown"], numbers["scoring_tests_shown"]) == (10, False, True)


def test_without_a_verdict_on_every_task_there_is_no_mrr() -> None:
    whole = solved(1, 2)
    ended = {each.key: each for each in whole.standings[0].attempts()}
    part = evaluation.gathered(whole.dataset, {}, [whole.standings[0].setting], ["0", "1", "2"], ended)
    numbers = json.loads(evaluation.dumps(part))["settings"]["conv-full"]
    assert (numbers["missing"], numbers["mrr"], numbers["recall"]) == (1, None, None)


@pytest.mark.usefixtures("namespaces")
async def test_one_answer_has_no_rank(tmp_path: Path) -> None:
    single, visible = settings = chosen(["single", "visible"], suites=SUITES)
    scripts: dict[str, Sequence[str]] = {"own/twice": [code(TWICE)]}
    async with open_desk(tmp_path, scripted(scripts)) as desk:
        ended = {each.key: each for each in await attempts_of(desk, settings, ["own/twice"])}
    found = evaluation.gathered(Dataset("own", "own", "0" * 32, known=False), {}, settings, ["own/twice"], ended)
    numbers = json.loads(evaluation.dumps(found))["settings"]
    assert [numbers[each.name]["mrr"] for each in (single, visible)] == [None, 1.0]
