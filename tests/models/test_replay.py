from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ocinterp import records
from ocinterp.errors import DataError, ModelError, UsageError
from ocinterp.feedback import failures
from ocinterp.loop import rollout
from ocinterp.models.replay import ReplayFeedback, ReplayModel, differences, load, outcome_of, pick
from ocinterp.testing import FakeSandbox, ScriptedModel, code
from ocinterp.types import (
    Cell,
    Completion,
    Display,
    ExecutionResult,
    Failure,
    Message,
    Outcome,
    Run,
    Source,
    StopReason,
    Task,
    Trajectory,
    Turn,
)

TASK = Task("t", (Message("user", "print one"),))


def fails_on_prnt(cell: Cell) -> ExecutionResult:
    if "prnt" in cell.source:
        return ExecutionResult(cell.id, Outcome.ERROR, error=Failure("NameError", "name 'prnt' is not defined"))
    return ExecutionResult(cell.id, Outcome.OK, stdout="1\n")


async def recorded() -> Trajectory:
    model = ScriptedModel([code("prnt(1)"), code("print(1)")])
    return await rollout(TASK, model=model, sandbox=FakeSandbox(fails_on_prnt), feedback=failures)


def turn(outcome: Outcome, text: str = "", error: str = "", shown: str = "") -> Turn:
    displays = tuple(
        Display({"image/png": "AAAA", "text/plain": f"<{each}>"}) if each == "figure" else Display({"text/plain": each})
        for each in shown.split()
    )
    failure = Failure(error, "bad") if error else None
    result = ExecutionResult("1", outcome, stdout=text, error=failure, displays=displays)
    return Turn(Completion(""), (Run(Cell("1", ""), result),))


async def test_a_replay_says_and_hears_what_was_said_and_heard() -> None:
    first = await recorded()
    again = await rollout(
        TASK, model=ReplayModel(first), sandbox=FakeSandbox(fails_on_prnt), feedback=ReplayFeedback(first)
    )
    assert again == first
    assert again.stop is StopReason.DONE


async def test_a_record_that_is_over_has_no_more_answers() -> None:
    with pytest.raises(ModelError, match="over after 0 answers"):
        await ReplayModel(Trajectory("t", ())).generate(())


async def test_a_turn_that_nobody_answered_does_not_end_the_replay_of_those_after_it() -> None:
    silent = Trajectory("t", (), (Turn(Completion("a")), Turn(Completion("b"))))
    again = await rollout(TASK, model=ReplayModel(silent), sandbox=FakeSandbox(), feedback=ReplayFeedback(silent))
    assert [each.completion.text for each in again.turns] == ["a", "b"]


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (turn(Outcome.OK, "1\n"), turn(Outcome.OK, "1"), []),
        (turn(Outcome.OK, "<f at 0x7f00aa11bb22>"), turn(Outcome.OK, "<f at 0x7f11cc22dd33>"), []),
        (turn(Outcome.OK, "", shown="4"), turn(Outcome.OK, "4\n"), []),
        (turn(Outcome.OK, "a\nb\n"), turn(Outcome.OK, "a\nc\n"), ["recorded output: 'b'; now: 'c'"]),
        (turn(Outcome.OK, "a\n"), turn(Outcome.OK, "a\nb\n"), ["recorded output: '(nothing more)'; now: 'b'"]),
        (turn(Outcome.ERROR, error="KeyError"), turn(Outcome.OK), ["recorded: KeyError: bad; now: clean"]),
        (turn(Outcome.OK), turn(Outcome.TIMEOUT, error="Timeout"), ["recorded: clean; now: Timeout: bad"]),
        (turn(Outcome.ERROR, error="KeyError"), Turn(Completion("")), ["recorded: KeyError: bad; now: nothing ran"]),
        (Turn(Completion("")), turn(Outcome.OK, "whatever"), []),
        (
            turn(Outcome.OK, shown="figure 4"),
            turn(Outcome.OK, shown="4"),
            ["recorded output: '[figure]'; now: '4' (and 1 more lines)"],
        ),
        (
            turn(Outcome.ERROR, "a\n", error="KeyError"),
            turn(Outcome.ERROR, "b\n", error="KeyError"),
            ["recorded output: 'a'; now: 'b'"],
        ),
    ],
)
def test_differences_are_told_and_harmless_ones_are_not(then: Turn, now: Turn, said: list[str]) -> None:
    assert differences(then, now) == said


async def test_our_own_records_load_plain_and_compressed(tmp_path: Path) -> None:
    first = await recorded()
    for name in ("a.jsonl", "a.jsonl.gz"):
        records.write(tmp_path / name, [first, first])
        assert load(tmp_path / name) == [first, first]


def mint(*history: tuple[str, str]) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in history]
    return {"state": {"history": messages}, "task": {"task_name": "mbpp", "task_id": 7}}


LOG = mint(
    ("user", "Do it."),
    ("assistant", "<execute>\nx = [3]\nprint(x[1])\n</execute>"),
    (
        "user",
        "Observation:\n0\n---------------------------------------------------------------------------\n"
        "IndexError                                Traceback (most recent call last)\nCell In[1], line 2\n\n"
        "IndexError: list index out of range\nYou have 4 steps left and 2 chances to propose solution left.\n\n"
        "Expert feedback:\nLook at the index.\n",
    ),
    ("assistant", "<execute>print(x[0])</execute>"),
    ("user", "Observation:\n3\nYou have 3 steps left and 2 chances to propose solution left.\n"),
    ("assistant", "<execute>pass</execute>"),
    ("user", "Observation:\n[Executed Successfully with No Output]\nYou have 2 steps left and 2 chances left.\n"),
    ("assistant", "<solution>\ndef f(): return 1\n</solution>"),
)


def write_log(path: Path, *lines: object) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\r\n" for line in lines).encode()))
    return path


def test_a_log_of_mint_becomes_a_trajectory(tmp_path: Path) -> None:
    (read,) = load(write_log(tmp_path / "gpt-4__F=gpt-4__PHF=no_GT-textual__x.jsonl.gz", LOG))
    assert (read.task_id, read.provenance["model"], len(read.turns)) == ("mint-mbpp/7", "gpt-4", 4)
    assert [outcome_of(each) for each in read.turns] == ["IndexError", "clean", "clean", "nothing ran"]
    first = read.turns[0].runs[0].result
    assert (first.stdout, first.error and first.error.message) == ("0\n", "list index out of range")
    assert [each.source for each in read.turns[0].feedback] == [Source.EXECUTION, Source.SIMULATED_HUMAN]
    assert read.turns[0].feedback[1].text == "Look at the index."
    assert read.turns[1].runs[0].result.stdout == "3\n"


def test_an_expert_who_had_seen_the_solution_is_an_oracle(tmp_path: Path) -> None:
    (read,) = load(write_log(tmp_path / "gpt-4__F=gpt-4__PHF=GT-textual__x.jsonl.gz", LOG))
    assert read.turns[0].feedback[1].source is Source.ORACLE


def test_a_record_is_picked_by_number_by_task_or_first(tmp_path: Path) -> None:
    many = [Trajectory(f"t/{number}", ()) for number in range(20)]
    assert pick(many, None) is many[0]
    assert pick(many, "3") is many[2]
    assert pick(many, "t/19") is many[19]
    with pytest.raises(UsageError, match=r"no record '99'; there are 1: t/0, .* and 12 more"):
        pick(many, "99")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"[1, 2]\n", "not a JSON object"),
        (b"{broken\n", ":1: not JSON"),
        (b'{"neither": 1}\n', "holds neither"),
        (b'{"state": {"history": []}, "task": {}}\n', "not a record of MINT"),
        (b'{"state": {}, "task": {}}\n', "not a record of MINT"),
        (b"\xff\xfe\x00\n", "not JSON"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_gzip_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        load(tmp_path / "missing.jsonl")
    (tmp_path / "x.jsonl.gz").write_bytes(b"plain")
    with pytest.raises(DataError, match="cannot read"):
        load(tmp_path / "x.jsonl.gz")
