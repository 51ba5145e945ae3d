"""Every setting of an evaluation, end to end: the one loop, a scripted model, real programs in a real sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from evaluations import (
    ADD,
    ALL_BUT_SHOWN,
    BASE_ONLY,
    HIDDEN,
    ONLY_SHOWN,
    ROWS,
    TWICE,
    WRONG,
    attempts_of,
    benchmark,
    open_desk,
    scripted,
)
from ocinterp import records
from ocinterp.bench import attempts, board, evaluation
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.hidden import HiddenTests, Scored, program_of, shown
from ocinterp.bench.leaks import leaks
from ocinterp.bench.results import Dataset
from ocinterp.bench.run import Crash, Ended
from ocinterp.bench.settings import Setting, chosen
from ocinterp.errors import DataError, ModelError, SandboxError, UsageError
from ocinterp.models.refusals import REFUSED_TOGETHER, EmptyAnswer, RequestRefused
from ocinterp.protocols import Session, ignore
from ocinterp.testing import ScriptedModel, code
from ocinterp.types import Completion, Message, Source, Task, Trajectory, Turn, Usage

pytestmark = pytest.mark.usefixtures("namespaces")

SUITES = ("base", "plus")
DATASET = Dataset("own", "own", "0" * 32, known=False)
CRITIC = "Look at the sign."


def settings(*names: str, turns: int = 2) -> tuple[Setting, ...]:
    return chosen(names, turns=turns, suites=SUITES)


def gathered(chosen_settings: Sequence[Setting], ended: Sequence[Ended], *task_ids: str) -> Evaluation:
    keyed = {each.key: each for each in ended}
    return evaluation.gathered(DATASET, {"model": "scripted"}, chosen_settings, task_ids or ("own/add",), keyed)


def numbers(found: Evaluation, name: str) -> dict[str, object]:
    return json.loads(evaluation.dumps(found))["settings"][name]


def board_of(found: Evaluation) -> str:
    console = Console(width=160)
    with console.capture() as printed:
        console.print(board.render(found))
    return printed.get()


async def test_single_counts_the_one_answer_under_base_and_plus(tmp_path: Path) -> None:
    wanted = settings("single")
    async with open_desk(tmp_path, scripted({"own/add": [code(BASE_ONLY)], "own/twice": [code(TWICE)]})) as desk:
        ended = await attempts_of(desk, wanted, ("own/add", "own/twice"))
    found = numbers(gathered(wanted, ended, "own/add", "own/twice"), "single")
    assert (found["pass@1"], found["n"], found["crashed"]) == (0.5, 2, 0)
    assert found["base"] == {"pass@1": 1.0, "ci95": [pytest.approx(0.342, abs=0.001), 1.0]}
    assert found["scoring_tests_shown"] is False


def test_without_plus_tests_the_base_tests_are_the_strictest() -> None:
    single, resample, visible = chosen(["single", "resample", "visible"], suites=("base",))
    assert [single.measure, resample.measure, visible.measure] == ["base", "base", "unseen"]
    turn = Turn(Completion(code(ADD)))
    made = Attempt(Key("single", "own/add"), Trajectory("own/add", (), (turn,)), (Scored("pass", None, "pass"),))
    assert gathered([single], [made]).standings[0].measures == ("unseen", "base")
    added = replace(made, turns=(Scored("pass", "wrong", "wrong"),))
    assert gathered([single], [added]).standings[0].measures == ("plus", "unseen", "base")


async def test_resample_draws_as_many_answers_as_refinement_may_give_and_says_what_choosing_gives(
    tmp_path: Path,
) -> None:
    wanted = settings("resample", turns=3)
    async with open_desk(tmp_path, scripted({"own/add": [code(WRONG), code(ADD), code(WRONG)]})) as desk:
        ended = await attempts_of(desk, wanted)
    evaluated = gathered(wanted, ended)
    found = numbers(evaluated, "resample")
    assert (found["pass@1"], found["pass@3"], found["samples"]) == (pytest.approx(1 / 3), 1.0, 3)
    assert all(len(each.turns) == 1 for each in ended)
    assert found["chosen"] == {"pass@1": 1.0, "ci95": [pytest.approx(0.207, abs=0.001), 1.0]}
    assert "pass@1 of the first answer that visible tests accept 100.0" in board_of(evaluated)


async def test_visible_refines_until_the_shown_tests_hold(tmp_path: Path) -> None:
    async with open_desk(tmp_path, scripted({"own/add": [code(WRONG), code(ADD)]})) as desk:
        (ended,) = await attempts_of(desk, settings("visible"))
    assert [each.status("unseen") for each in ended.turns] == ["wrong", "pass"]
    (said,) = ended.trajectory.turns[0].feedback
    assert said.source is Source.TESTS
    assert "add(1, 2) == 3" in said.text
    assert "is -1" in said.text


@pytest.mark.parametrize("program", [WRONG, BASE_ONLY, "def add(a, b):\n    raise ValueError(a)\n", "1 +", "add = 1"])
async def test_the_feedback_of_visible_never_has_a_hidden_input(tmp_path: Path, program: str) -> None:
    async with open_desk(tmp_path, scripted({"own/add": [code(program)] * 3})) as desk:
        (ended,) = await attempts_of(desk, settings("visible", turns=3))
    said = "\n".join(each.text for turn in ended.trajectory.turns for each in turn.feedback)
    assert not [each for each in HIDDEN if each in said]


async def test_visible_does_not_count_the_tests_it_shows(tmp_path: Path) -> None:
    scripts = {"own/add": [code(ALL_BUT_SHOWN)] * 2}
    async with open_desk(tmp_path, scripted(scripts)) as desk:
        (ended,) = await attempts_of(desk, settings("visible"))
    assert (ended.scored.base, ended.scored.unseen) == ("wrong", "pass")
    async with open_desk(tmp_path, scripted({"own/add": [code(ONLY_SHOWN)]})) as desk:
        (ended,) = await attempts_of(desk, settings("visible"))
    assert ended.scored.unseen == "wrong"


async def test_execution_shows_the_failing_scoring_test_and_says_so(tmp_path: Path) -> None:
    wanted = settings("execution")
    assert [each.name for each in wanted] == ["execution-base", "execution-plus"]
    async with open_desk(tmp_path, scripted({"own/add": [code(BASE_ONLY), code(ADD)]})) as desk:
        base, plus = await attempts_of(desk, wanted)
    assert len(base.trajectory.turns) == 1  # all base tests pass: nothing is said
    (said,) = plus.trajectory.turns[0].feedback
    assert said.source is Source.TESTS
    assert "Input: add(41371, 86213)\nExpected: 127584\nActual: 0" in said.text
    assert plus.scored.status("plus") == "pass"
    found = gathered(wanted, [base, plus])
    assert numbers(found, "execution-plus")["scoring_tests_shown"] is True
    assert "execution-plus *" in board_of(found)
    assert "scoring tests were shown" in board_of(found)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("def add(a, b):\n    return 'x' * 10_000\n", "Expected: 3\nActual: "),
        ("def add(a, b):\n    raise KeyError(a)\n", "KeyError: 1"),
        ("def add(a, b):\n    while True: pass\n", "Execution timed out."),
        ("def plus(a, b):\n    return a + b\n", "add"),
    ],
)
async def test_a_report_is_bounded_and_names_what_happened(tmp_path: Path, program: str, words: str) -> None:
    async with open_desk(tmp_path, scripted({})) as desk:
        with HiddenTests(desk.court, "own/add") as hidden:
            report = await hidden.report(program, "plus")
    assert words in report
    assert len(report) <= 500


class Critic(ScriptedModel):
    """One that says the same each time."""

    def __init__(self, words: str = CRITIC) -> None:
        super().__init__([words] * 9)


@pytest.mark.parametrize(("name", "source"), [("human", Source.SIMULATED_HUMAN), ("oracle", Source.ORACLE)])
async def test_only_the_oracle_has_the_solution_in_its_brief(tmp_path: Path, name: str, source: Source) -> None:
    critic = Critic()
    answers = scripted({"own/add": [code(WRONG), code(ADD)]})
    async with open_desk(tmp_path, answers, critic=lambda task_id: critic) as desk:
        (ended,) = await attempts_of(desk, settings(f"{name}-base"))
    brief = "\n".join(message.content for message in critic.seen[0])
    assert ("for number in (b,)" in brief) is (name == "oracle")
    assert WRONG.strip() in brief
    assert "Actual: -1" in brief
    assert [(each.source, each.text) for each in ended.trajectory.turns[0].feedback] == [(source, CRITIC)]
    assert (ended.leaks, len(critic.seen), ended.scored.base) == (0, 1, "pass")


async def test_a_critic_who_quotes_the_solution_is_reported(tmp_path: Path) -> None:
    words = f"Write it so:\n{ROWS[0]['canonical_solution']}"
    wanted = settings("oracle-base")
    answers = scripted({"own/add": [code(WRONG), code(ADD)]})
    async with open_desk(tmp_path, answers, critic=lambda task_id: Critic(words)) as desk:
        ended = await attempts_of(desk, wanted)
    assert ended[0].leaks > 5
    found = gathered(wanted, ended)
    assert numbers(found, "oracle-base")["leaks"] == {"attempts": 1, "ngrams": ended[0].leaks}
    assert "in 1 attempt the critic quoted the solution" in board_of(found)


def test_what_the_task_or_the_programmer_wrote_is_no_leak() -> None:
    assert leaks(ADD, f"as in\n{ADD}") > 0
    assert leaks(ADD, f"as in\n{ADD}", f"my program: {ADD}") == 0
    assert leaks(ADD, "return a + b") == 0  # shorter than a run


async def test_a_critic_is_content_when_the_tests_pass(tmp_path: Path) -> None:
    critic = Critic()
    async with open_desk(tmp_path, scripted({"own/add": [code(ADD)]}), critic=lambda task_id: critic) as desk:
        (ended,) = await attempts_of(desk, settings("human-plus"))
    assert (critic.seen, len(ended.turns)) == ([], 1)


class Broken:
    """A sandbox that opens no session."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        raise SandboxError("no more processes")
        yield  # what makes it a generator


async def test_a_failing_sandbox_is_counted_and_leaves_no_headline(tmp_path: Path) -> None:
    wanted, ended = settings("single"), list[Ended]()
    async with open_desk(tmp_path, scripted({"own/add": [code(ADD)]}), cells=Broken()) as desk:
        await desk.evaluate(wanted, ["own/add"], on_end=ended.append)
    assert ended == [Crash(Key("single", "own/add"), "no more processes")]
    found = gathered(wanted, ended)
    assert (numbers(found, "single")["crashed"], numbers(found, "single")["pass@1"]) == (1, None)
    assert "1 attempt without a verdict: no pass@1" in board_of(found)


class Mute:
    """A model that spends all its tokens on thoughts."""

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        raise EmptyAnswer("it used up its tokens before it said a word")


def _mute(setting: Setting, task_id: str, sample: int) -> Mute:
    return Mute()


async def test_a_model_that_says_nothing_has_not_solved_the_task(tmp_path: Path) -> None:
    wanted = settings("single")
    async with open_desk(tmp_path, _mute) as desk:
        (ended,) = await attempts_of(desk, wanted)
    assert (ended.turns, ended.unsaid) == ((), "it used up its tokens before it said a word")
    assert numbers(gathered(wanted, [ended]), "single")["pass@1"] == 0.0


class Gone:
    """A model whose server is not there."""

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        raise ModelError("no server answers")


async def test_a_model_that_cannot_be_asked_ends_the_run_and_what_was_done_is_told(tmp_path: Path) -> None:
    ended: list[Ended] = []

    def model(setting: Setting, task_id: str, sample: int) -> ScriptedModel | Gone:
        return ScriptedModel([code(ADD)]) if task_id == "own/add" else Gone()

    async with open_desk(tmp_path, model, concurrency=1) as desk:
        await desk.evaluate(settings("single"), ["own/add"], on_end=ended.append)
        with pytest.raises(ModelError, match="no server answers"):
            await desk.evaluate(settings("single"), ["own/twice"], on_end=ended.append)
    found = gathered(settings("single"), ended, "own/add", "own/twice")
    assert (found.missing, numbers(found, "single")["pass@1"]) == (1, None)
    assert "1 attempt not made yet" in board_of(found)


class Filtered:
    """A model whose server does not take what it is asked."""

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        raise RequestRefused("refused (400): content filter")


@pytest.mark.parametrize("filtered", ["own/add", "own/twice"])
async def test_a_task_that_a_server_does_not_take_is_not_solved_and_the_others_go_on(
    tmp_path: Path, filtered: str
) -> None:
    def model(setting: Setting, task_id: str, sample: int) -> ScriptedModel | Filtered:
        return Filtered() if task_id == filtered else ScriptedModel([code(TWICE if task_id == "own/twice" else ADD)])

    wanted, both = settings("single"), ("own/add", "own/twice")
    async with open_desk(tmp_path, model, concurrency=1) as desk:
        ended = await attempts_of(desk, wanted, both)
    assert {each.key.task_id: each.unsaid for each in ended if each.unsaid} == {
        filtered: "refused (400): content filter"
    }
    found = gathered(wanted, ended, *both)
    assert (numbers(found, "single")["pass@1"], numbers(found, "single")["unsaid"]) == (0.5, 1)
    assert "1 dialogue ended for want of an answer" in board_of(found)


@pytest.mark.parametrize("samples", [1, REFUSED_TOGETHER, 3 * REFUSED_TOGETHER])
async def test_a_server_that_takes_nothing_ends_the_run_and_no_task_is_to_blame(tmp_path: Path, samples: int) -> None:
    ended: list[Ended] = []
    wanted = [replace(each, samples=samples) for each in settings("single")]

    def model(setting: Setting, task_id: str, sample: int) -> Filtered:
        return Filtered()

    async with open_desk(tmp_path, model) as desk:
        with pytest.raises(RequestRefused, match="content filter"):
            await desk.evaluate(wanted, ["own/add"], on_end=ended.append)
    assert ended == []


@pytest.mark.parametrize(("takes", "ends"), [(False, True), (True, False)])
async def test_a_critic_whose_server_takes_nothing_ends_the_run_though_the_models_does(
    tmp_path: Path, takes: bool, ends: bool
) -> None:
    """Else a person who never had a word would be compared with none."""
    wanted, both, ended = settings("human"), ("own/add", "own/twice"), list[Ended]()

    def critic(task_id: str) -> Critic | Filtered:
        return Critic() if takes and task_id == "own/twice" else Filtered()

    wrong = {
        "own/add": [code(WRONG), code(WRONG)],
        "own/twice": [code("def twice(text):\n    return text\n"), code(TWICE)],
    }
    async with open_desk(tmp_path, scripted(wrong), critic=critic) as desk:
        if ends:
            with pytest.raises(RequestRefused):
                await desk.evaluate(wanted[:1], both, on_end=ended.append)
            assert ended == []
        else:
            await desk.evaluate(wanted[:1], both, on_end=ended.append)
            unsaid = {each.key.task_id: each.unsaid for each in ended if isinstance(each, Attempt) and each.unsaid}
            assert unsaid == {"own/add": "refused (400): content filter"}


async def test_one_task_of_which_a_critic_does_not_speak_ends_no_run(tmp_path: Path) -> None:
    """It may be the only one that is not solved at once; and whoever goes on has nothing to do."""
    wanted, both, made = settings("human"), ("own/add", "own/twice"), list[Attempt]()
    answers = {"own/add": [code(WRONG), code(WRONG)], "own/twice": [code(TWICE)]}
    for _ in range(2):
        async with open_desk(tmp_path, scripted(answers), critic=lambda task_id: Filtered()) as desk:
            await desk.evaluate(wanted, both, done=tuple(made), on_end=lambda each: made.append(cast("Attempt", each)))
        assert len(made) == len(wanted) * len(both)
    assert {each.key.task_id for each in made if each.unsaid} == {"own/add"}


async def test_a_critic_who_speaks_in_one_setting_and_of_nothing_in_the_next_ends_the_run(tmp_path: Path) -> None:
    wanted, both, ended, asked = settings("human"), ("own/add", "own/twice"), list[Ended](), list[str]()

    def critic(task_id: str) -> Critic | Filtered:
        asked.append(task_id)
        return Critic() if len(asked) <= 2 else Filtered()

    wrong = {
        "own/add": [code(WRONG), code(WRONG)],
        "own/twice": [code("def twice(text):\n    return text\n"), code(TWICE)],
    }
    async with open_desk(tmp_path, scripted(wrong), critic=critic) as desk:
        with pytest.raises(RequestRefused):
            await desk.evaluate(wanted, both, on_end=ended.append)
    assert {each.key.setting for each in ended} == {wanted[0].name}


async def test_a_critic_who_never_speaks_ends_the_run_though_each_setting_asks_of_one_task(tmp_path: Path) -> None:
    wanted, both, ended = settings("human"), ("own/add", "own/twice"), list[Ended]()

    def model(setting: Setting, task_id: str, sample: int) -> ScriptedModel:
        right = code(ADD if task_id == "own/add" else TWICE)
        fails = (setting.name == wanted[0].name) == (task_id == "own/add")
        return ScriptedModel(
            [code("def add(a, b):\n    return 0\n\n\ndef twice(text):\n    return 0\n"), right] if fails else [right]
        )

    async with open_desk(tmp_path, model, critic=lambda task_id: Filtered()) as desk:
        with pytest.raises(RequestRefused):
            await desk.evaluate(wanted, both, on_end=ended.append)


async def test_each_setting_has_its_own_requests_which_a_server_may_take_or_not(tmp_path: Path) -> None:
    ended: list[Ended] = []

    def model(setting: Setting, task_id: str, sample: int) -> ScriptedModel | Filtered:
        return ScriptedModel([code(ADD)]) if setting.name == "single" else Filtered()

    async with open_desk(tmp_path, model) as desk:
        with pytest.raises(RequestRefused):
            await desk.evaluate(settings("single", "visible"), ["own/add", "own/twice"], on_end=ended.append)
    assert {each.key.setting for each in ended} == {"single"}


async def test_a_run_of_which_only_refused_tasks_are_left_ends(tmp_path: Path) -> None:
    ended: list[Ended] = []

    def model(setting: Setting, task_id: str, sample: int) -> Filtered:
        return Filtered()

    turn = Turn(Completion(code(ADD)))
    done = [Attempt(Key("single", "own/add"), Trajectory("own/add", (), (turn,)), (Scored(*["pass"] * 3),))]
    async with open_desk(tmp_path, model) as desk:
        await desk.evaluate(settings("single"), ["own/add", "own/twice"], done=done, on_end=ended.append)
    assert [each.key.task_id for each in ended] == ["own/twice"]


async def test_no_task_is_to_blame_for_fifty_refusals_though_others_were_under_way(tmp_path: Path) -> None:
    ended: list[Ended] = []
    wanted = [replace(each, samples=2 * REFUSED_TOGETHER) for each in settings("single")]
    enough = asyncio.Event()

    class Late:
        async def generate(
            self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore
        ) -> Completion:
            await enough.wait()
            return Completion(code(ADD))

    class Counted(Filtered):
        async def generate(
            self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore
        ) -> Completion:
            asyncio.get_running_loop().call_later(1, enough.set)
            return await super().generate(messages)

    def model(setting: Setting, task_id: str, sample: int) -> Late | Counted:
        return Late() if sample < 20 else Counted()

    async with open_desk(tmp_path, model, concurrency=100) as desk:
        with pytest.raises(RequestRefused):
            await desk.evaluate(wanted, ["own/add"], on_end=ended.append)
    assert [each for each in ended if isinstance(each, Attempt) and each.unsaid] == []


async def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    ended: list[Ended] = []
    async with open_desk(tmp_path, scripted({"own/twice": [code(TWICE)]})) as desk:  # no script for own/add
        turn = Turn(Completion(code(ADD)))
        done = [Attempt(Key("single", "own/add"), Trajectory("own/add", (), (turn,)), (Scored(*["pass"] * 3),))]
        await desk.evaluate(settings("single"), ["own/add", "own/twice"], done=done, on_end=ended.append)
    assert [each.key.task_id for each in ended] == ["own/twice"]


async def test_settings_are_compared_task_by_task(tmp_path: Path) -> None:
    wanted = settings("single", "visible", "execution")
    usage = Usage(10, 5)
    answers = [Completion(code(WRONG), usage=usage), Completion(code(ADD), usage=usage)]
    async with open_desk(tmp_path, scripted({"own/add": answers})) as desk:
        ended = await attempts_of(desk, wanted)
    found = gathered(wanted, ended)
    pairs = [(one.setting.name, two.setting.name, measure, each.gained) for one, two, measure, each in found.pairs()]
    assert pairs == [
        ("single", "visible", "unseen", 1),
        ("single", "execution-base", "base", 1),
        ("single", "execution-plus", "plus", 1),
        ("visible", "execution-base", "base", 0),
        ("visible", "execution-plus", "plus", 0),
    ]
    assert numbers(found, "visible")["tokens"] == {"prompt_tokens": 20, "completion_tokens": 10}
    assert numbers(found, "visible")["solved_by_turn"] == [0.0, 1.0]
    assert "visible - single" in board_of(found)
    assert "base + plus" in board_of(found)  # in the words of a score


async def test_attempts_come_back_as_they_were_kept_and_are_trajectories_to_others(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    async with open_desk(tmp_path, scripted({"own/add": [code(WRONG), code(ADD)]})) as desk:
        ended = await attempts_of(desk, settings("visible", "execution-base"))
    for each in ended:
        attempts.append(path, each)
    assert attempts.read(path) == {each.key: each for each in ended}
    assert list(records.read(path)) == [each.trajectory for each in ended]
    assert ended[0].trajectory.provenance == {"model": "scripted", "setting": "visible", "sample": "0"}
    attempts.check_origin(attempts.read(path), {"model": "scripted"}, path)
    with pytest.raises(UsageError, match="of another run: its model is scripted, not other"):
        attempts.check_origin(attempts.read(path), {"model": "other"}, path)


def attempt(sample: int) -> Attempt:
    turn = Turn(Completion(code(ADD)))
    return Attempt(Key("resample", "own/add", sample), Trajectory("own/add", (), (turn,)), ())


def test_a_line_that_a_crash_cut_short_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for sample in range(3):
        attempts.append(path, attempt(sample))
    path.write_bytes(path.read_bytes()[:-20])
    assert list(attempts.read(path)) == [attempt(0).key, attempt(1).key]
    attempts.append(path, attempt(2))
    assert len(attempts.read(path)) == 3


def test_a_file_of_something_else_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    records.append(path, Trajectory("own/add", ()))
    with pytest.raises(DataError, match=r"run\.jsonl:1: not an attempt of an evaluation: it has no verdict"):
        attempts.read(path)


def test_a_setting_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no setting 'tests'; expected some of single, resample, visible"):
        chosen(["tests"], suites=SUITES)
    with pytest.raises(UsageError, match="no setting 'execution-plus'"):
        chosen(["execution-plus"], suites=("base",))


def test_the_inputs_that_a_task_shows_are_found_among_its_tests(tmp_path: Path) -> None:
    found = benchmark(tmp_path).problems
    assert {name: shown(problem) for name, problem in found.items()} == {"own/add": {0}, "own/twice": {0}}


@pytest.mark.parametrize(
    ("answers", "program"),
    [
        ([code(WRONG), f"Sorry.\n{code(ADD)}"], ADD),
        ([f"{code(WRONG)}\nBetter:\n{code(ADD)}\nUse it so:\n{code('print(add(1, 2))')}"], ADD),
        ([code(ADD), "It is right as it is."], ADD),
        (["I cannot."], "I cannot."),
        ([], ""),
    ],
)
def test_the_program_of_a_dialogue_is_that_of_its_last_answer_that_has_one(answers: list[str], program: str) -> None:
    turns = tuple(Turn(Completion(each)) for each in answers)
    assert program_of(Trajectory("own/add", (), turns), "add").strip() == program.strip()


def test_a_task_carries_nothing_that_is_hidden(tmp_path: Path) -> None:
    task: Task = benchmark(tmp_path).problems["own/add"].task
    assert not [each for each in HIDDEN[2:] if each in repr(task)]
