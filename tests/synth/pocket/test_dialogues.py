"""Every dialogue is what it says: attempts fail as they are reported, the last answer is right, and nothing is held out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator
from itertools import islice
from random import Random

import pytest
import pytest_asyncio

from ocinterp.bench import seats
from ocinterp.chat.opening import opening
from ocinterp.feedback import VisibleTests, failures
from ocinterp.feedback.paper import PaperReport
from ocinterp.parse import extract_cells
from ocinterp.protocols import Session
from ocinterp.records import dumps, loads
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth.pocket import attempts, comments, hints
from ocinterp.synth.pocket.attempts import attempt
from ocinterp.synth.pocket.dialogues import Plan, dialogues, plan_of, with_items
from ocinterp.tasks.pocket import benchmark
from ocinterp.tasks.pocket.benchmark import Part
from ocinterp.tasks.pocket.programs import Program, sample, steps_named
from ocinterp.types import Feedback, Run, Task, Trajectory, Turn

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = list(islice(dialogues("tests"), 400))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox() as sandbox:
        yield sandbox


async def test_a_seed_always_gives_the_same_dialogues_and_another_gives_others() -> None:
    assert list(islice(dialogues("tests"), 30)) == MANY[:30]
    assert list(islice(dialogues("others"), 30)) != MANY[:30]


async def test_all_forms_occur_and_say_that_a_rule_made_them() -> None:
    forms = Counter(each.provenance["method"] for each in MANY)
    assert set(forms) == {f"pocket-{each}" for each in ("single", "execution", "person", "twice")}
    assert {each.provenance["model"] for each in MANY} == {"rule"}
    assert all((len(each.turns) > 1) == (each.provenance["method"] != "pocket-single") for each in MANY)


async def test_a_dialogue_can_be_written_down_and_read_again() -> None:
    assert [loads(dumps(each)) for each in MANY[:50]] == MANY[:50]


async def heard(
    session: Session, task: Task, before: Trajectory, turn: Turn, *, in_the_papers_words: bool = False
) -> tuple[Feedback, ...]:
    """What the product says of a turn: its cells run anew in a real session."""
    runs = tuple([Run(each.cell, await session.run(each.cell)) for each in turn.runs])
    again = Turn(turn.completion, runs)
    if in_the_papers_words:
        return await PaperReport(session)(task, before, again)
    return await failures(task, before, again) or await VisibleTests(session)(task, before, again)


async def test_reports_are_in_the_words_that_a_session_has(sandbox: NamespaceSandbox) -> None:
    compared: Counter[str] = Counter()
    for item, dialogue in islice(with_items("words", plan_of(["execution"])), 200):
        task = item.problem(dialogue.task_id).task
        for number, turn in enumerate(dialogue.turns[:-1]):
            said = turn.feedback[0]
            papers = said.text.startswith("A test fails")
            async with sandbox.open() as session:
                before = Trajectory(task.id, task.prompt, dialogue.turns[:number])
                assert await heard(session, task, before, turn, in_the_papers_words=papers) == (said,)
            compared[f"{papers} {'Error' in said.text}"] += 1
    assert len(compared) == 4
    assert compared.total() > 120


async def test_some_requests_have_their_tests_below_as_a_session_opens(sandbox: NamespaceSandbox) -> None:
    shown = 0
    for item, dialogue in islice(with_items("below"), 200):
        task = item.problem(dialogue.task_id).task
        _, asked = opening(item.request, tests=task.visible_tests)
        said = dialogue.prompt[0].content
        assert said in (item.request, asked.content)
        shown += said == asked.content
    assert 8 < shown < 40


async def test_what_is_left_open_is_read_as_it_is_usually_meant_and_what_mends_it_is_not() -> None:
    """As a model fails: or it learns that the mending of what is usual is what is usual."""
    again = 0
    for item, dialogue in islice(with_items("usual", plan_of(["execution"])), 300):
        thought = dialogue.turns[-1].completion.text.partition("```")[0] if dialogue.turns[1:] else ""
        steps = [item.program.steps[int(number) - 1] for number in re.findall(r"Step (\d):", thought)]
        again += any(len(each.operation.meanings) > 1 and not each.meaning for each in steps)
    assert 0 < again < 30


async def test_the_papers_report_asks_for_what_the_evaluation_asks_for() -> None:
    said = [each.text for dialogue in MANY for turn in dialogue.turns for each in turn.feedback]
    reports = [each for each in said if each.startswith("A test fails")]
    assert len(reports) > 20
    assert all(each.endswith(f"\n\n{seats.AGAIN}") for each in reports)


async def test_every_attempt_fails_and_the_last_answer_passes(sandbox: NamespaceSandbox) -> None:
    for item, dialogue in islice(with_items("ends"), 60):
        task = item.problem(dialogue.task_id).task
        for number, turn in enumerate(dialogue.turns):
            async with sandbox.open() as session:
                before = Trajectory(task.id, task.prompt, dialogue.turns[:number])
                said = await heard(session, task, before, turn)
            assert bool(said) == (number + 1 < len(dialogue.turns))


async def test_code_in_an_answer_is_what_ran() -> None:
    for dialogue in MANY:
        for turn in dialogue.turns:
            cells = extract_cells(turn.completion.text)
            assert [each.source for each in cells] == [run.cell.source for run in turn.runs]


async def test_above_each_step_stands_what_the_request_says_of_it_and_what_was_taken_for_what_it_leaves_open() -> None:
    open_steps = 0
    for item, dialogue in islice(with_items("tests"), 200):
        for turn in dialogue.turns[-1:]:
            said = re.findall(r"^    # \d\. (.*)", turn.runs[0].cell.source, re.MULTILINE)
            assert len(said) == len(item.program.steps)
            for at, (words, phrase, step) in enumerate(
                zip(said, item.wording.phrases, item.program.steps, strict=True)
            ):
                left_open = at in item.wording.open_steps
                assert words == (f"{phrase} {step.text(step.meant.said)}" if left_open else phrase)
                open_steps += left_open
    assert open_steps > 50


async def test_an_attempt_says_how_it_takes_what_is_left_open() -> None:
    seen = 0
    for item, dialogue in islice(with_items("takes", plan_of(["execution"])), 100):
        wrong = dialogue.turns[0].runs[0].cell.source
        for at in item.wording.open_steps:
            step = item.program.steps[at]
            if (
                step.meaning
                and len(dialogue.turns) == 2
                and step.meaning_as(0).text(step.meaning_as(0).meant.code) != step.text(step.meant.code)
            ):
                usual = f"# {at + 1}. {item.wording.phrases[at]} {step.text(step.meaning_as(0).meant.said)}\n"
                seen += usual in wrong
    assert seen > 40


async def test_an_attempt_at_another_step_says_what_it_does() -> None:
    item = next(item for item, _ in with_items("tests") if len(item.program.steps) == 2)
    (other,) = steps_named(("reverse", 0, {}))
    said = comments.attempted(item, [item.program.steps[0], other])
    first = item.program.steps[0]
    settled = f" {first.text(first.meant.said)}" if 0 in item.wording.open_steps else ""
    assert said == [item.wording.phrases[0] + settled, other.operation.phrases[0]]
    assert comments.commented("import math\n\ndef f(x):\n    x = -x\n    return x", ["negate it", "stop"]) == (
        "import math\n\ndef f(x):\n    # 1. negate it\n    x = -x\n    # 2. stop\n    return x"
    )


async def test_no_dialogue_is_of_a_task_of_the_benchmark() -> None:
    held_out = {each.program.plain for each in benchmark.held_out().values()}
    trained = {item.program.plain for item, _ in islice(with_items("tests"), 1000)}
    assert not held_out & trained


@pytest.mark.parametrize("mistake", list(attempts.SHARES))
async def test_each_mistake_is_made_somewhere(mistake: str) -> None:
    chance = Random(1)
    tries = (attempt(sample(chance, "train"), chance) for _ in range(20_000))
    made = next((each for each in tries if each is not None and each.mistake == mistake), None)
    assert made is not None
    assert made.source.strip()


async def test_what_is_said_names_the_step_that_is_wrong() -> None:
    steps = steps_named(("keep even", 0, {}), ("sort", 1, {}))
    program = Program(steps, "f", "xs")
    usual = program.with_steps([steps[0], steps[1].meaning_as(0)])
    wrong = attempts.Attempt(usual.source(), "other-meaning", usual.steps)
    words = ["keep the even numbers", "sort the list in descending order"]
    assert hints.thought(program, words, wrong, "") == "Step 2: sort the list in descending order."
    both = attempts.Attempt("", "other-operation", steps_named(("keep odd", 0, {}), ("reverse", 0, {})))
    assert hints.thought(program, words, both, "") == f"Step 1: {words[0]}. Step 2: {words[1]}."
    lost = attempts.Attempt("", "step-lost", steps[:1])
    assert hints.thought(program, words, lost, "") == "Missing: Step 2: sort the list in descending order."
    swapped = attempts.Attempt("", "steps-swapped", steps[::-1])
    assert hints.thought(program, words, swapped, "") == "The order of the steps is wrong."
    for said in (hints.person(program, wrong, Random(2)), hints.oracle(program, wrong, Random(3))):
        assert "in descending order" in said
        assert "step 2" in said.lower()
    slip = attempts.Attempt("def f(xs)\n", "SyntaxError", program.steps)
    assert hints.thought(program, words, slip, "SyntaxError") == "The steps are right; the code is not: SyntaxError."
    assert "code" in hints.person(program, slip, Random(0))


async def test_a_thought_is_what_stands_above_the_lines_that_were_wrong() -> None:
    seen = 0
    for dialogue in MANY:
        for turn in dialogue.turns[1:]:
            thought, _, code = turn.completion.text.partition("```")
            assert thought
            for number, words in re.findall(r"Step (\d): (.*?)\.(?= Step|\n)", thought):
                assert f"    # {number}. {words}\n" in code
                seen += 1
    assert seen > 40


async def test_an_oracle_names_every_step_and_a_person_the_first() -> None:
    steps = steps_named(("sort", 1, {}), ("distances", 1, {}))
    program = Program(steps, "f", "xs")
    usual = program.with_steps([steps[0].meaning_as(0), steps[1].meaning_as(0)])
    wrong = attempts.Attempt(usual.source(), "other-meaning", usual.steps)
    assert "with steps of 3" in hints.oracle(program, wrong, Random(0))
    assert "with steps of 3" not in hints.person(program, wrong, Random(0))


async def test_how_much_is_left_open_and_which_forms_there_are_can_be_chosen() -> None:
    plan = Plan({"single": 1.0}, part=Part(0.0))
    assert {each.provenance["method"] for each in islice(dialogues("plan", plan), 50)} == {"pocket-single"}
    assert not any(item.wording.open_steps for item, _ in islice(with_items("plan", plan), 50))
