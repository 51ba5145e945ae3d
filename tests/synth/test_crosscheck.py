"""Tests that a model writes are believed as far as independent programs agree on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from ocinterp.journal import Journal, Journaled, Price
from ocinterp.models.refusals import RequestRefused
from ocinterp.protocols import ignore
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth import crosscheck
from ocinterp.synth.again import Ground, again
from ocinterp.synth.crosscheck import asserts
from ocinterp.synth.desk import Desk
from ocinterp.synth.folder import Stage
from ocinterp.synth.jury import Jury
from ocinterp.synth.plan import Plan, Player
from ocinterp.synth.queries import Origin
from ocinterp.synth.rows import Heard, Method, Row, Said
from ocinterp.synth.verify import verify
from ocinterp.testing.fakes import code
from ocinterp.types import Completion, Message, Source, Usage
from ocinterp.verifiers import scripts
from ocinterp.verifiers.court import GUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHT, WRONG = "def add(x, y=2):\n    return x + y", "def add(x, y=2):\n    return x - y"
TESTS = "assert add(1) == 3\nassert add(0) == 2\nassert add(-2) == 0\nassert add(1) == 3\n"
MISTAKEN = f"{TESTS}assert add(10) == 13\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox(Resources(timeout_seconds=2), profile=replace(STDLIB, guests=(GUEST,))) as sandbox:
        yield sandbox


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not end is waited for half a second, not twenty."""
    monkeypatch.setattr(scripts, "SECONDS", 0.5)


@dataclass
class Writers:
    """A tester and a solver who say what they are told to say; `seen` is what they were asked."""

    tests: str
    programs: Sequence[str]
    seen: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def model(self, part: str) -> Any:
        return _Writer(self, part)


@dataclass
class _Writer:
    of: Writers
    part: str

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        self.of.seen.append((self.part, messages[-1].content))
        number = sum(part == "solver" for part, _ in self.of.seen) - 1
        said = self.of.tests if self.part == "tester" else self.of.programs[number]
        return Completion(code(said), usage=Usage(10, 5))


def row(answer: str, method: Method = "simulation", *heard: Heard) -> Row:
    said = (Said(0, code(WRONG), "m"), Said(1, code(answer), "m"))
    messages = (Message("system", "Run."), Message("user", "Add two, or y."), Message("assistant", said[-1].text))
    return Row(
        f"{method} {answer}", method, messages, said, feedback=heard, verified=True, verify_kind="executed",
        sources=(Origin("d", "f", 1, "s"),),
    )  # fmt: skip


async def checked(sandbox: NamespaceSandbox, folder: Path, writers: Writers, *rows: Row) -> tuple[list[Row], list[str]]:
    players = {"strong": Player("m")}
    plan = Plan((), cast("Mapping[str, Player]", players), cross_check=len(writers.programs))
    async with Journal(folder / "j.sqlite") as journal:

        def play(part: str, scope: str) -> Journaled:
            kind, _, number = part.partition(" ")
            assert scope.endswith(f" {number}") or kind == "tester"
            return Journaled(writers.model(kind), journal, part, {}, 100, price=Price(1, 1), scope=scope)

        stage = Stage(folder, "verify")
        await verify(Desk(plan, play, sandbox, Jury(sandbox)), iter(rows), len(rows), {}, stage)
    return list(stage.rows(Row)), [each.reason for each in stage.rejected()]


async def test_a_program_that_passes_what_is_agreed_is_proven(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    writers = Writers(MISTAKEN, (RIGHT, WRONG, RIGHT))
    wish = Heard(1, Source.SIMULATED_HUMAN, "Let y be 2 by itself.")
    report = Heard(0, Source.EXECUTION, "It failed.")
    (found,), refused = await checked(sandbox, tmp_path, writers, row(RIGHT, "simulation", report, wish))
    assert (found.verified, found.verify_kind, refused) == (True, "cross-checked", [])
    assert found.provenance["tests"] == "assert add(1) == 3\nassert add(0) == 2\nassert add(-2) == 0\n"
    assert len(found.calls) == 4
    tester, *solvers = writers.seen
    for said in (tester[1], *(each for _, each in solvers)):
        assert "Add two, or y." in said
        assert "Let y be 2 by itself." in said
        assert "def add(x, y=2)" in said
        assert "return" not in said
        assert "It failed" not in said
    ground = Ground(sandbox, Jury(sandbox), {})
    assert [each.answer async for each in again([found], ground, 1)] == ["same"]
    other = replace(found, turns=(found.turns[0], replace(found.turns[1], text=code(WRONG))))
    assert [each.answer async for each in again([other], ground, 1)] == ["other"]


async def test_a_program_that_fails_what_is_agreed_is_refused(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    rows, refused = await checked(sandbox, tmp_path, Writers(TESTS, (RIGHT, RIGHT, WRONG)), row(WRONG))
    assert rows == []
    assert refused == ["fails 3 of 3 tests that 2 of 3 independent programs pass"]


@pytest.mark.parametrize(
    ("tests", "programs"),
    [
        (TESTS, (RIGHT, WRONG, "def add(x, y=2):\n    return 7")),  # nobody agrees
        ("assert add(1) == 3", (RIGHT, RIGHT, RIGHT)),  # too few
        ("I cannot.", (RIGHT, RIGHT, RIGHT)),
        (TESTS, ("", "", "while True:\n    pass")),
    ],
)
async def test_where_nobody_agrees_a_row_stays_what_it_was(
    sandbox: NamespaceSandbox, tmp_path: Path, hasty: None, tests: str, programs: Sequence[str]
) -> None:
    (found,), refused = await checked(sandbox, tmp_path, Writers(tests, programs), row(WRONG))
    assert (found.verify_kind, refused) == ("executed", [])
    assert found.calls  # what it took to find that out is counted


async def test_a_test_that_does_not_end_says_nothing_of_programs(
    sandbox: NamespaceSandbox, tmp_path: Path, hasty: None
) -> None:
    endless = f"assert add(next(n for n in iter(int, 1)))\n{TESTS}"
    _, refused = await checked(sandbox, tmp_path, Writers(endless, (RIGHT, RIGHT, RIGHT)), row(WRONG))
    assert refused == ["fails 3 of 3 tests that 3 of 3 independent programs pass"]


async def test_a_test_on_which_a_right_program_does_not_end_costs_it_nothing_else(
    sandbox: NamespaceSandbox, tmp_path: Path, hasty: None
) -> None:
    """Whichever it is of the tests, and whoever the program's author is."""
    slow = "def add(x, y=2):\n    while y == 7:\n        pass\n    return x + y"
    mistaken = f"assert add(-1, 7) == 99\n{TESTS}"
    (found,), refused = await checked(sandbox, tmp_path, Writers(mistaken, (RIGHT, RIGHT, RIGHT)), row(slow))
    assert (found.verify_kind, refused) == ("cross-checked", [])
    (found,), refused = await checked(sandbox, tmp_path, Writers(mistaken, (slow, slow, RIGHT)), row(RIGHT))
    assert (found.verify_kind, refused) == ("cross-checked", [])


async def test_a_program_that_does_not_end_is_refused_where_others_agree(
    sandbox: NamespaceSandbox, tmp_path: Path, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    verdicts = Jury.verdicts

    async def counted(self: Jury, problems: Any, programs: Any) -> Any:
        tried.extend(program for _, program in programs)
        return await verdicts(self, problems, programs)

    monkeypatch.setattr(Jury, "verdicts", counted)
    endless = row(f"{WRONG}\nwhile True:\n    pass")
    _, refused = await checked(sandbox, tmp_path, Writers(TESTS, (RIGHT, RIGHT, RIGHT)), endless)
    assert refused == ["fails 3 of 3 tests that 3 of 3 independent programs pass"]
    assert sum("while True" in each for each in tried) == 2


async def test_a_tester_that_takes_no_request_ends_the_run(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    class _Refusing(Writers):
        def model(self, part: str) -> _Writer:
            raise RequestRefused("refused (400)")

    writers = _Refusing(TESTS, (RIGHT, RIGHT, RIGHT))
    with pytest.raises(RequestRefused):
        await checked(sandbox, tmp_path, writers, row(RIGHT), row(WRONG))
    found, _ = await checked(sandbox, tmp_path, writers, row(RIGHT))  # of one nobody knows
    assert [each.verify_kind for each in found] == ["executed"]


async def test_other_rows_are_left_alone(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    writers = Writers(TESTS, (WRONG,))
    rows = (row(RIGHT, "packing"), row("print(1)"), replace(row("x = 1"), method="correction", id="c"))
    assert (await checked(sandbox, tmp_path, writers, *rows))[0] == list(rows)
    assert writers.seen == []


def _asserts(reply: str) -> list[str]:
    return list(asserts(reply, ["add"]))


async def test_tests_are_comparisons_that_call_the_program() -> None:
    assert _asserts(f"```python\n{TESTS}```") == ["assert add(1) == 3", "assert add(0) == 2", "assert add(-2) == 0"]
    assert _asserts("  assert add( 1 )==3, 'because'\nassert True\nassert add(1)\nassert sub(1) == 0\nadd(1) == 3") == [
        "assert add(1) == 3"
    ]
    assert (
        _asserts("assert add(1) == add(1)\nassert add(1) is not None\nassert 3 == 3\nassert sorted(add(1)) == [3]")
        == []
    )
    assert _asserts("assert add(1) is True\nassert add(2) == [1, {'a': -2}]") == [
        "assert add(1) is True",
        "assert add(2) == [1, {'a': -2}]",
    ]
    assert crosscheck.question(row(RIGHT)) is None
