"""Controls hear words that say nothing of their own failure, in the place where execution hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluations import ADD, TWICE, WRONG, attempts_of, open_desk, scripted
from ocinterp.bench.attempts import Attempt
from ocinterp.bench.seats import Setting
from ocinterp.bench.settings import chosen
from ocinterp.errors import UsageError
from ocinterp.testing import code

WRONG_TWICE = "def twice(text):\n    return text\n"
SCRIPTS = {"own/add": [code(WRONG), code(ADD)], "own/twice": [code(WRONG_TWICE), code(TWICE)]}
BOTH = tuple(SCRIPTS)


def settings(*names: str) -> tuple[Setting, ...]:
    return chosen(names, suites=("base",))


async def heard(folder: Path, *names: str) -> dict[tuple[str, str], list[str]]:
    """What was said after the first answer, by setting and task."""
    async with open_desk(folder, scripted(SCRIPTS)) as desk:
        ended = await attempts_of(desk, settings(*names), BOTH)
    return {(each.key.setting, each.key.task_id): said_in(each) for each in ended}


def said_in(attempt: Attempt) -> list[str]:
    return [each.text for each in attempt.trajectory.turns[0].feedback]


@pytest.mark.usefixtures("namespaces")
async def test_a_blank_control_hears_that_a_test_fails_and_no_more(tmp_path: Path) -> None:
    said = await heard(tmp_path, "execution", "blank")
    for task_id in BOTH:
        (report,), (words,) = said["execution-base", task_id], said["blank-base", task_id]
        assert words.splitlines()[0] == "A test fails."
        assert report.startswith("A test fails")
        assert report.splitlines()[-1] == words.splitlines()[-1]
        assert "Input" in report
        assert "Input" not in words


@pytest.mark.usefixtures("namespaces")
async def test_a_mismatched_control_hears_the_report_on_another_task_under_its_own_name(tmp_path: Path) -> None:
    said = await heard(tmp_path, "mismatched", "execution")
    (of_twice,) = said["execution-base", "own/twice"]
    assert said["mismatched-base", "own/add"] == [of_twice.replace("twice", "add")]
    (of_add,) = said["execution-base", "own/add"]
    assert said["mismatched-base", "own/twice"] == [of_add.replace("add", "twice")]


@pytest.mark.usefixtures("namespaces")
async def test_a_control_is_no_rival_of_answers_for_as_many_tokens(tmp_path: Path) -> None:
    """`resample` draws what the settings that refine cost, and a control is none of them."""
    wordy = {name: [*answers, code(ADD)] for name, answers in SCRIPTS.items()}

    async def drawn(*names: str) -> int:
        async with open_desk(tmp_path / names[-1], scripted(wordy)) as desk:
            ended = await attempts_of(desk, settings(*names))
        return sum(each.key.setting == "resample" for each in ended)

    for name in ("resample", "blank"):
        (tmp_path / name).mkdir()
    assert await drawn("execution", "resample") == await drawn("execution", "resample", "blank")


def test_a_control_says_what_it_is_and_needs_what_it_borrows() -> None:
    found = settings("execution", "blank", "mismatched")
    assert [each.name for each in found] == ["execution-base", "blank-base", "mismatched-base"]
    assert [each.control for each in found] == [False, True, True]
    assert all("a control of execution" in each.label for each in found[1:])
    with pytest.raises(UsageError, match="says what was said in execution-base: choose that too"):
        settings("mismatched")
