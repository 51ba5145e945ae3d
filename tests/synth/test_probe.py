"""A judge of feedback is asked about answers that are known not to have followed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocinterp.journal import Journal, Journaled
from ocinterp.parse import meaning
from ocinterp.protocols import ignore
from ocinterp.synth import probe
from ocinterp.synth.desk import Desk
from ocinterp.synth.jury import Jury
from ocinterp.synth.plan import Plan, Player
from ocinterp.synth.probe import Case, cases, counts, verdicts
from ocinterp.synth.queries import Origin
from ocinterp.synth.rows import Heard, Row, Said
from ocinterp.testing.fakes import code
from ocinterp.types import Completion, Message, Source

BEFORE = "def total(values):\n    found = 0\n    for each in values:\n        found = found + each\n    return found"


def row(number: int, category: str = "functionality", before: str = BEFORE) -> Row:
    wish = f"Please also give wish {number}."
    after = f"def total(values):\n    return sum(values), {number}"
    said = (Said(0, code(before), "m"), Said(1, f"Here is wish {number}.\n{code(after)}", "m"))
    heard = (Heard(0, Source.EXECUTION, "ok"), Heard(0, Source.SIMULATED_HUMAN, wish, category=category))
    messages = (Message("user", "Add."), *(Message("assistant", each.text) for each in said))
    return Row(f"r{number}", "simulation", messages, said, feedback=heard, sources=(Origin("d", "f", number, "s"),))


@dataclass
class Judge:
    """Lets everything pass but what has one of some words in it."""

    refused: Sequence[str] = ()
    unclear: bool = False
    asked: list[str] = field(default_factory=list[str])

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        self.asked.append(messages[-1].content)
        said = not any(each in messages[-1].content for each in self.refused)
        return Completion("Hm." if self.unclear else json.dumps({"followed": said, "why": "so"}))


async def judged(folder: Path, judge: Judge, asked: Sequence[Case]) -> dict[str, tuple[int, int, int]]:
    async with Journal(folder / "j.sqlite") as journal:

        def play(part: str, scope: str) -> Journaled:
            assert (part, scope) == ("judge", "probe")
            return Journaled(judge, journal, "judge", scope=scope)

        sandbox: Any = None
        desk = Desk(Plan((), {"strong": Player("m")}), play, sandbox, Jury(sandbox))
        return dict(counts([each async for each in verdicts(desk, asked)]).items())


async def test_who_believes_everything_finds_only_what_needs_no_judge(tmp_path: Path) -> None:
    judge = Judge()
    found = await judged(tmp_path, judge, cases(map(row, range(10)), 8, "1"))
    assert found == {
        "real": (8, 0, 0),
        "the same program": (0, 8, 0),
        "another change": (8, 0, 0),
        "another's answer": (8, 0, 0),
    }
    assert len(judge.asked) == 24
    again = Judge()
    assert await judged(tmp_path, again, cases(map(row, range(10)), 8, "1")) == found
    assert again.asked == []  # all of it is in the journal


async def test_who_looks_finds_them_and_who_says_nothing_is_counted(tmp_path: Path) -> None:
    found = await judged(tmp_path, Judge(["the_found"]), cases(map(row, range(4)), 4, "1"))
    assert found["another change"] == (0, 4, 0)
    (tmp_path / "j.sqlite").unlink()
    assert (await judged(tmp_path, Judge(unclear=True), cases(map(row, range(4)), 4, "1")))["real"] == (0, 0, 4)


def test_what_is_planted_is_what_it_says() -> None:
    for each in cases(map(row, range(6)), 6, "1"):
        after = probe.program(each.after)
        words = each.after.completion.text.partition("```")[0]
        number = each.row.id.removeprefix("r")
        match each.kind:
            case "real":
                assert f"wish {number}." in words
            case "the same program":
                assert (meaning(after), f"wish {number}." in words) == (meaning(each.before), True)
            case "another change":
                assert meaning(after) != meaning(each.before)
                space: dict[str, Any] = {}
                exec(after, space)
                assert space["total"]([1, 2]) == 3
            case _:
                assert each.said == f"Please also give wish {number}."
                assert f"wish {number}." not in each.after.completion.text


def test_names_may_be_what_was_asked_for_and_some_rows_are_no_use() -> None:
    kinds = {each.kind for each in cases([row(1, "clarity"), row(2, "clarity")], 2, "1")}
    assert kinds == {"real", "the same program", "another's answer"}
    nothing = "print(3)"
    kinds = {each.kind for each in cases([row(1, before=nothing), row(2, before=nothing)], 2, "1")}
    assert kinds == {"real", "the same program", "another's answer"}
    unanswered = Row("u", "simulation", (), (Said(0, code(BEFORE), "m"),), feedback=row(1).feedback)
    assert cases([unanswered, Row("p", "packing", (), ())], 2, "1") == []
