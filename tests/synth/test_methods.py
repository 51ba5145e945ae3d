"""Dialogues that models make: what was asked of them, what ran, and what is not taken."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence

import pytest
import pytest_asyncio

from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth import prompts, replies
from ocinterp.synth.correct import correct
from ocinterp.synth.queries import Origin, Query
from ocinterp.synth.replies import NoRowError
from ocinterp.synth.rows import row, trajectory
from ocinterp.synth.simulate import Cast, ask, simulate
from ocinterp.testing import ScriptedModel, code
from ocinterp.testing.teacher import STRONG, WEAK, Teacher
from ocinterp.types import Completion, Message, Source, StopReason, Trajectory, Turn

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUERY = Query("Add up some numbers.", Origin("d", "f", 1, "0"))
WANTED = {"category": "clarity", "satisfied": ["it runs"], "not_satisfied": "the names", "feedback": "Better names."}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox(profile=STDLIB) as sandbox:
        yield sandbox


def cast(
    sandbox: NamespaceSandbox,
    weak: Sequence[str],
    strong: Sequence[str],
    person: str = json.dumps(WANTED),
    judge: str = "",
) -> Cast:
    return Cast(ScriptedModel(weak), ScriptedModel(strong), ScriptedModel([person]), ScriptedModel([judge]), sandbox)


def said(trajectory: Trajectory) -> list[list[Source]]:
    return [[each.source for each in turn.feedback] for turn in trajectory.turns]


async def test_a_simulation_is_one_trajectory_of_a_weak_model_a_strong_one_and_a_person(
    sandbox: NamespaceSandbox,
) -> None:
    those = cast(
        sandbox,
        [code("print(total)")],
        [code("total = 3\nprint(total)"), "Done.", code("amount = 3\nprint(amount)"), "There."],
        judge='{"followed": true, "why": "renamed"}',
    )
    found = await simulate(QUERY, those)
    assert said(found.trajectory) == [
        [Source.EXECUTION],
        [Source.EXECUTION],
        [Source.SIMULATED_HUMAN],
        [Source.EXECUTION],
        [],
    ]
    assert found.trajectory.stop is StopReason.DONE
    assert found.trajectory.turns[0].runs[0].result.error is not None
    assert found.trajectory.turns[3].runs[0].result.stdout == "3\n"
    assert found.opinion is not None
    assert (found.opinion.category, found.opinion.satisfied, found.opinion.followed) == (
        "clarity",
        "it runs",
        "yes: judge",
    )


async def test_tests_that_are_shown_and_do_not_hold_are_told_of(sandbox: NamespaceSandbox) -> None:
    """Whoever answers without code after that is not asked for the tests again: nothing has run since."""
    those = cast(
        sandbox,
        [code("def add(a, b):\n    return a - b")],
        [code("def add(a, b):\n    return a + b"), "It holds."],
        person="{}",
    )
    with pytest.raises(NoRowError, match="no object with feedback"):
        await simulate(QUERY, those, ["add(2, 1) == 3", "add(0, 0) == 0"])
    content = json.dumps({"feedback": "", "not_satisfied": "nothing"})
    those = cast(
        sandbox,
        [code("def add(a, b):\n    return a - b")],
        [code("def add(a, b):\n    return a + b"), "It holds."],
        person=content,
    )
    found = (await simulate(QUERY, those, ["add(2, 1) == 3", "add(0, 0) == 0"])).trajectory
    assert found.prompt[-1].content.endswith(
        "\n\nThese expressions must be true after your code has run:\nadd(2, 1) == 3\nadd(0, 0) == 0"
    )
    first, mended, said = found.turns
    (told,) = first.feedback
    assert told.source is Source.TESTS
    assert "- add(2, 1) == 3\n  but it is 1" in told.text
    assert "add(0, 0)" not in told.text
    assert (first.right, mended.right, said.runs) == (False, True, ())


async def test_the_strong_model_has_three_tries_and_the_person_speaks_after_the_last(sandbox: NamespaceSandbox) -> None:
    wrong = [code(f"print(name{number})") for number in range(5)]
    found = await simulate(
        QUERY, cast(sandbox, wrong[:1], [*wrong[1:4], code("print(1)"), "Good."], judge='{"followed": false}')
    )
    assert said(found.trajectory) == [
        [Source.EXECUTION], [Source.EXECUTION], [Source.EXECUTION], [Source.EXECUTION, Source.SIMULATED_HUMAN],
        [Source.EXECUTION, Source.SIMULATED_HUMAN], [Source.SIMULATED_HUMAN],
    ]  # fmt: skip
    for answer in found.trajectory.turns[4:]:  # what was asked for was not done: nobody says so, and it is not learnt
        assert (answer.feedback[-1].text, answer.feedback[-1].rating) == ("", "bad")
    assert found.opinion is not None
    assert found.opinion.followed == "no: judge"


async def test_what_is_wrong_is_the_program_and_not_what_was_said_after_it(sandbox: NamespaceSandbox) -> None:
    wrong = json.dumps({**WANTED, "category": "functionality", "feedback": "I meant two."})
    replies = ["All is as it should be.", code("print(2)"), "There."]
    found = (await simulate(QUERY, cast(sandbox, [code("print(1)")], replies, wrong, '{"followed": true}'))).trajectory
    assert [turn.right for turn in found.turns] == [False, False, True, True]
    assert [each.text for each in found.turns[1].feedback] == ["I meant two."]
    made = row(found, "simulation", [QUERY.origin], ["m"] * 4, person="p")
    assert [(each.turn, each.text, each.by) for each in made.feedback if each.rating == "bad"] == [
        (0, "", ""), (1, "I meant two.", "p"),
    ]  # fmt: skip
    assert [each.train for each in made.turns] == [turn.right for turn in trajectory(made).turns]


async def test_an_answer_without_code_is_told_so(sandbox: NamespaceSandbox) -> None:
    found = await simulate(QUERY, cast(sandbox, ["I would add them."], [code("print(3)"), "Done.", "No."]))
    assert found.trajectory.turns[0].feedback[0].text.startswith("No code was run")
    assert found.opinion is not None
    assert found.opinion.followed == "no: no program"


async def test_an_answer_with_the_program_of_before_did_not_follow_whatever_a_judge_says(
    sandbox: NamespaceSandbox,
) -> None:
    again = code("print(3)  # better")
    found = await simulate(
        QUERY, cast(sandbox, [code("print(3)")], ["Done.", again, "So."], judge='{"followed": true}')
    )
    assert found.opinion is not None
    assert found.opinion.followed == "no: the same program"


async def test_what_an_answer_to_a_person_comes_to_is_judged_and_who_did_not_follow_says_nothing_that_is_learnt(
    sandbox: NamespaceSandbox,
) -> None:
    """Not the answer that crashed on the way to it; and "I have done it" after what was not done is no word to learn."""
    replies = ["Done.", code("print(1 / 0)"), code("print(4)  # at last"), "I have done it."]
    for judge, right in (('{"followed": false}', [False, False]), ('{"followed": true}', [False, True])):
        found = await simulate(QUERY, cast(sandbox, [code("print(3)")], replies, judge=judge))
        assert [turn.right for turn in found.trajectory.turns[2:]] == right
    replies = ["Done.", code("print(1 / 0)"), code("print(3)"), "I have done it."]
    found = await simulate(QUERY, cast(sandbox, [code("print(3)")], replies, judge='{"followed": true}'))
    assert found.opinion is not None
    assert found.opinion.followed == "no: the same program"
    assert [turn.right for turn in found.trajectory.turns[2:]] == [False, False]
    found = await simulate(
        QUERY, cast(sandbox, [code("print(3)")], ["Done.", code("print(4)"), "I have."], judge='{"followed": false}')
    )
    assert [turn.right for turn in found.trajectory.turns[2:]] == [False, False]


@pytest.mark.parametrize(
    "reply", ['{"feedback": ""}', '{"feedback": "x", "not_satisfied": "None"}', '{"feedback": []}']
)
async def test_a_person_may_be_content(sandbox: NamespaceSandbox, reply: str) -> None:
    found = await simulate(QUERY, cast(sandbox, [code("print(3)")], ["Done."], person=reply))
    assert found.opinion is None
    assert said(found.trajectory)[-1] == []


async def test_a_person_who_says_no_json_is_an_error() -> None:
    so_far = Trajectory("t", (Message("user", "go"),), (Turn(Completion("x")),))
    with pytest.raises(NoRowError, match="no object with feedback: 'I like it"):
        await ask(so_far, ScriptedModel(["I like it."]))
    odd = await ask(so_far, ScriptedModel(['Sure: {"category": "Mood", "feedback": "Smile.\n"} ok?']))
    assert odd is not None
    assert (odd.category, odd.feedback) == ("other", "Smile.")


async def test_the_teacher_by_rule_plays_every_part(sandbox: NamespaceSandbox) -> None:
    weak, strong = Teacher(WEAK), Teacher(STRONG)
    found = [
        await simulate(
            Query(f"Task {number}", Origin("d", "f", number, "0")), Cast(weak, strong, strong, strong, sandbox)
        )
        for number in range(20)
    ]
    followed = {each.opinion.followed for each in found if each.opinion}
    assert "yes: judge" in followed
    assert any(each.opinion is None for each in found)
    assert any(each.trajectory.turns[0].clean for each in found)
    assert any(not each.trajectory.turns[0].clean for each in found)
    assert all(each.trajectory.turns[-1].feedback == () for each in found)


@pytest.mark.parametrize("kind", [each for each in prompts.MISTAKES if each != "timeout"])
async def test_a_mistake_of_each_kind_is_made_shown_and_mended(sandbox: NamespaceSandbox, kind: str) -> None:
    found = await correct(QUERY, kind, Teacher(), sandbox)
    assert [message.content for message in found.prompt] == [prompts.INTERPRETER, QUERY.text]
    assert [turn.clean for turn in found.turns] == [False, True]
    assert found.stop is StopReason.DONE


async def test_a_program_that_never_ends_is_a_mistake_too(namespaces: None) -> None:
    async with NamespaceSandbox(Resources(timeout_seconds=1), profile=STDLIB) as short:
        found = await correct(QUERY, "timeout", Teacher(), short)
        assert [turn.clean for turn in found.turns] == [False, True]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (["No code."], "there was no code in it"),
        ([code("print(1)")], "it did not fail"),
        ([code("1 / 0")], "it failed otherwise: ZeroDivisionError"),
        ([code("total  # a bug")], "it is given away: 'bug'"),
        ([code("total"), code("a"), code("b"), code("c")], "it was not mended"),
        ([code("total"), "I see."], "it was not mended"),
    ],
)  # fmt: skip
async def test_what_is_no_correction_says_why(sandbox: NamespaceSandbox, script: list[str], why: str) -> None:
    with pytest.raises(NoRowError, match=why):
        await correct(QUERY, "name", ScriptedModel(script), sandbox)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("4", 4), ("Score: 5. It is hard.", 5), ("3: ordinary", 3), ("**2**", 2), ("I rate it 4/5", 4), ("", None),
        ("ten", None), ("It has 12 parts", None), ("complexity is 3 of 5", 3), ("<think>1 or 2</think>\n4", 4), ("1.5", None),
        ("4: needs a top-level 3-way merge", 4), ("5: level 2 cache design", 5), ("1. It is long.\n2. Score: 4", 4), ("3. It is ordinary", 3),
    ],
)  # fmt: skip
async def test_a_digit_is_found_in_a_reply(reply: str, expected: int | None) -> None:
    assert replies.score(reply) == expected


async def test_half_of_a_pair_in_a_reply_goes_into_no_row() -> None:
    found = replies.having('{"feedback": "nice \\ud83d", "n": [1, "\\ud83d\\ude00"]}', "feedback")
    assert found == {"feedback": "nice \ufffd", "n": [1, "\U0001f600"]}


async def test_objects_are_found_in_a_reply() -> None:
    assert list(replies.objects('a {"x": {"y": 1}} {bad {"z": "two\nlines"}')) == [{"x": {"y": 1}}, {"z": "two\nlines"}]
    assert replies.having('{"a": 1} {"a": 2, "b": 3}', "a", "b") == {"a": 2, "b": 3}
    assert replies.having("nothing", "a") is None
    assert list(replies.objects("{" * 3000)) == []
    assert replies.words(["a", None, 1]) == "a; 1"
