"""Which tests a task shows, what is left to judge by, and how often programs run for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from evaluations import ADD, ALL_BUT_SHOWN, BASE_ONLY, ONLY_SHOWN, WRONG, benchmark
from ocinterp.bench.hidden import HiddenTests, shown
from ocinterp.jobs import Jobs
from ocinterp.problems import Benchmark, Calls, Problem, Script
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import syntax
from ocinterp.types import Task
from ocinterp.verifiers import court
from ocinterp.verifiers.court import Court
from ocinterp.verifiers.expected import Expectations
from ocinterp.verifiers.judge import Judge
from ocinterp.verifiers.prepared import prepare
from ocinterp.verifiers.scripts import ScriptJudge

NESTED = """
for n in range(1):
    assert f(1) == 1
assert f(2) == 2; assert f(3) == 3
if True:
    with open(__file__):
        assert f(4) == 4
def check(candidate):
    assert candidate(5) == 5
assert f(6) == 6
"""


def by_script(source: str, *visible: str) -> Problem:
    return Problem(Task("own/f", (), "f", visible), "def f(x):\n    return x\n", Script(source))


def test_asserts_have_the_same_numbers_for_who_counts_judges_and_shows_them() -> None:
    problem = by_script(NESTED, "f(3) == 3", "f(5) == 5")
    made = prepare(problem, shown(problem))
    assert shown(problem) == {2, 4}
    assert made.numbers == (0, 1, 3, 5)
    assert [made.written(place)[-1] for place in range(4)] == ["1", "2", "4", "6"]
    assert syntax.count(NESTED, "asserts") == prepare(problem, ()).total == 6


@pytest.mark.parametrize(
    "odd",
    [" f(2) == 2", "f({[1]}) == 2", "f(2) ==", "f(2); f(2)", "f(" * 300, "f(\0)", "assert f(2) == 2", "f(*[2]) == 2"],
)
def test_a_visible_test_shows_the_inputs_that_can_be_read_and_no_odd_one_is_in_the_way(odd: str) -> None:
    found = shown(by_script("assert f(1) == 1\nassert f(2) == 2\nassert f({[1]}) == 3\n", odd, "f(1) == 1"))
    assert found == ({0, 1} if odd == " f(2) == 2" else {0})


def test_of_tests_that_are_no_python_none_is_shown() -> None:
    assert shown(by_script("assert f(1) ==", "f(1) == 1")) == frozenset()


class Recounted(Court):
    """A court that tells which judges were opened: the numbers of the tests that each leaves out."""

    def __init__(self, jobs: Jobs, benchmark: Benchmark, expectations: Expectations) -> None:
        super().__init__(jobs, benchmark, expectations)
        self.opened: list[set[int]] = []

    def of(self, task_id: str, *, leave_out: Collection[int] = ()) -> Judge | ScriptJudge:
        self.opened.append(set(leave_out))
        return super().of(task_id, leave_out=leave_out)


@asynccontextmanager
async def recounted(folder: Path) -> AsyncGenerator[Recounted]:
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    async with NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,))) as jobs:
        found = await court.convene(jobs, benchmark(folder), folder)
        yield Recounted(jobs, found.benchmark, found.expectations)


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize(
    ("program", "again"),
    [
        (ADD, False),
        (BASE_ONLY, False),  # the first that it fails is a plus test
        (ONLY_SHOWN, False),
        ("def add(a, b):\n    while b == 7: pass\n    return 3 if b == 2 else a\n", False),
        (WRONG, True),  # the first that it fails is the one that is shown
        (ALL_BUT_SHOWN, True),
        ("1 +", True),
    ],
)
async def test_a_program_runs_again_only_where_what_it_failed_first_is_shown(
    tmp_path: Path, program: str, again: bool
) -> None:
    async with recounted(tmp_path) as bench:
        with HiddenTests(bench, "own/add") as hidden:
            scored = await hidden.score(program)
        assert bench.opened == ([set[int](), {0}] if again else [set[int]()])
        with bench.of("own/add", leave_out={0}) as judge:
            left = (await judge.judge(program))["strict"]
    assert scored.unseen == next((each.status for each in left.sets if each.status != "pass"), "pass")


@pytest.mark.usefixtures("namespaces")
async def test_the_inputs_of_a_task_are_held_once_for_all_who_ask_about_it(tmp_path: Path) -> None:
    async with recounted(tmp_path) as bench:
        hidden = HiddenTests(bench, "own/add")
        with hidden:
            with hidden:
                await hidden.score(BASE_ONLY)
            assert "Actual: 0" in await hidden.report(BASE_ONLY, "plus")
            await hidden.score(ADD)
        assert bench.opened == [set()]
        with hidden:
            assert await hidden.report(ONLY_SHOWN, "base")
        assert bench.opened == [set(), set()]


ASSERTS = (
    "def check(candidate):\n    assert candidate(1) == 1\n    assert candidate(2) == 2\n    assert candidate(3) == 3\n"
)
METHODS = """
import unittest
class TestCases(unittest.TestCase):
    def test_z(self):
        self.assertEqual(f(1), 1)
    def test_y(self):
        self.assertEqual(f(2), 2)
    def test_x(self):
        self.assertEqual(f(3), 3)
"""


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize(
    "tests", [Calls(((1,), (2,)), ((3,),)), Script(f"{ASSERTS}check(f)"), Script(METHODS, kind="unittest")]
)
async def test_a_report_of_the_first_tests_hears_nothing_of_the_rest(tmp_path: Path, tests: Calls | Script) -> None:
    problem = replace(by_script(""), tests=tests)
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    async with NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,))) as jobs:
        bench = Benchmark("own", "own", "0" * 32, {"own/f": problem})
        with HiddenTests(await court.convene(jobs, bench, tmp_path), "own/f") as hidden:
            late, early = (f"def f(x):\n    return x if x < {wrong} else 0\n" for wrong in (3, 2))
            assert [bool(await hidden.report(late, "plus", first=n)) for n in (1, 2, 3)] == [False, False, True]
            assert [bool(await hidden.report(early, "plus", first=n)) for n in (1, 2, 3)] == [False, True, True]
            assert await hidden.report(late, "plus")
            assert not await hidden.report("def f(x):\n    return x\n", "plus", first=1)
            assert len(await hidden.report("def f(x):\n    return 'x' * 900\n", "plus", first=2)) <= 500
