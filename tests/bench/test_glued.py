"""The paper's one prompt in place of a chat: what the model is really asked, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations import ADD, WRONG, attempts_of, benchmark, open_desk
from ocinterp.bench.glued import glued
from ocinterp.bench.settings import Setting, chosen
from ocinterp.errors import UsageError
from ocinterp.testing import ScriptedModel, code
from ocinterp.types import Message

LOUD = "def add(a, b):\n    return 'x' * 900\n"  # an answer that no report can hold
RESULT = "Execution result:\n"

texts = st.text(max_size=40)
dialogues = st.lists(st.tuples(texts, texts), min_size=1, max_size=5)


def test_a_refinement_is_asked_for_in_one_prompt_with_the_papers_markers() -> None:
    chat = [Message("user", "Add."), Message("assistant", "a - b"), Message("user", f"{RESULT}3 is expected")]
    assert glued(chat) == (
        Message(
            "user",
            "@@ Instruction\nAdd.\n\n@@ Response\na - b\n\n@@ Instruction\nExecution result:\n3 is expected\n",
        ),
    )


@given(dialogues, texts)
def test_nothing_that_was_said_is_lost_and_the_order_stays(dialogue: list[tuple[str, str]], last: str) -> None:
    chat = [Message(role, text) for pair in dialogue for role, text in zip(("user", "assistant"), pair, strict=True)]
    (one,) = glued([*chat, Message("user", last)])
    at = 0
    for each in [text for pair in dialogue for text in pair] + [last]:
        assert each in one.content[at:]
        at = one.content.index(each, at) + len(each)
    assert one.role == "user"


def test_a_lone_request_and_what_the_system_says_stay_as_they_are() -> None:
    system, request = Message("system", "Be brief."), Message("user", "Add.")
    assert glued([system, request]) == (system, request)
    assert glued([system, request, Message("assistant", "a"), request])[0] == system


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("program", [WRONG, LOUD])
async def test_the_model_is_shown_at_most_500_characters_behind_its_own_answer(tmp_path: Path, program: str) -> None:
    model = ScriptedModel([code(program), code(ADD)])
    (setting,) = chosen(["execution-base"], suites=("base", "plus"), glued=True)
    async with open_desk(tmp_path, lambda setting, task_id, sample: model) as desk:
        (ended,) = await attempts_of(desk, [setting])
    request = benchmark(tmp_path).problems["own/add"].task.prompt
    assert model.seen[0] == request  # as in every other setting, so that it is paid for once
    (asked,) = model.seen[1]
    before, report = asked.content.split(f"\n\n@@ Instruction\n{RESULT}")
    assert before == f"@@ Instruction\n{request[0].content}\n\n@@ Response\n{code(program)}"
    assert report.startswith("A test fails")
    assert "\nInput: add(1, 2)\nExpected: 3\nActual: " in report
    assert len(report.removesuffix("\n")) <= 500
    assert (ended.scored.base, ended.trajectory.turns[0].feedback[0].text) == ("pass", f"{RESULT}{report[:-1]}")


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("name", ["human-base", "oracle-base"])
async def test_a_critic_hears_500_characters_and_speaks_within_the_same_prompt(tmp_path: Path, name: str) -> None:
    model, critic = ScriptedModel([code(LOUD), code(ADD)]), ScriptedModel(["Mind the sign."])
    settings = chosen([name], suites=("base", "plus"), glued=True)

    def answering(setting: Setting, task_id: str, sample: int) -> ScriptedModel:
        return model

    async with open_desk(tmp_path, answering, critic=lambda task_id: critic) as desk:
        await attempts_of(desk, settings)
    report = critic.seen[0][1].content.partition("# What came of it\n\n")[2].partition("\n\n# A correct program")[0]
    assert report.startswith("A test fails.")
    assert len(report) == 500
    (asked,) = model.seen[1]
    assert asked.content.endswith("\n\n@@ Instruction\nMind the sign.\n")


def test_the_label_says_so_and_settings_without_the_form_have_none() -> None:
    single, execution = chosen(["single", "execution"], suites=("base",), glued=True)
    assert (single.glued, execution.glued) == (False, True)
    assert "one prompt, as in the paper" in execution.label
    with pytest.raises(UsageError, match="--glued is a form of execution, human and oracle"):
        chosen(["single", "visible"], suites=("base",), glued=True)
