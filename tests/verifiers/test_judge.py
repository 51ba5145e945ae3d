"""The judge before real processes: each status, both sets, and how a set goes on when a process does not."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from ocinterp.problems import Problem
from ocinterp.sandboxes.probe import probe
from ocinterp.sandboxes.zygotes import LandlockSandbox, NamespaceSandbox
from ocinterp.types import Status
from ocinterp.verifiers import judge, running
from ocinterp.verifiers.court import Court, convene
from ocinterp.verifiers.judge import Judgement
from ocinterp.verifiers.oracle import PROFILES
from verifiers.benches import benchmark, both, calls, problem, service

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASS, WRONG, EXCEPTION, TIMEOUT = Status.PASS, Status.WRONG, Status.EXCEPTION, Status.TIMEOUT
EXITED, CRASHED, MEMORY, OUTPUT = Status.EXITED, Status.CRASHED, Status.MEMORY, Status.OUTPUT
DOUBLE = problem("def f(x):\n    return 2 * x\n", calls(1, 2), calls(3, 4, 5))


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=(NamespaceSandbox, LandlockSandbox), ids=lambda tier: tier.name
)
async def sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[NamespaceSandbox]:
    finding = await probe(request.param.name)
    if not finding.works:
        pytest.skip(f"{request.param.name}: {finding.why}")
    async with service(request.param) as sandbox:
        yield sandbox


async def court_of(sandbox: NamespaceSandbox, folder: Path, *problems: Problem, name: str = "own") -> Court:
    return await convene(sandbox, benchmark(*problems, name=name), folder, PROFILES, workers=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def court(sandbox: NamespaceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Court:
    return await court_of(sandbox, tmp_path_factory.mktemp("expected"), DOUBLE)


async def judged(court: Court, program: str, *, fast: bool = False) -> Judgement:
    """The judgement under the strict profile; the others agree on what passes."""
    found = await court.judge("own/1", program, fast=fast)
    assert len({both(each) for each in found.values()}) == 1, found
    return found["strict"]


ENDINGS = [
    ("def f(x): return x + x", (PASS, PASS), 5, ""),
    ("def f(x): return x * 3", (WRONG, WRONG), 0, "wrong value"),
    ("def f(x): return {1: 2, 2: 4}.get(x)", (PASS, WRONG), 2, "wrong type: NoneType for int"),
    ("def f(x): return 2 * x if x > 2 else 0", (WRONG, PASS), 3, "wrong value"),
    ("def f(x): return 2 * x if x != 4 else 1 / 0", (PASS, EXCEPTION), 4, "ZeroDivisionError: division by zero (line 1)"),
    ("def f(x):\n    if x == 4: exit()\n    return 2 * x", (PASS, EXITED), 4, "SystemExit: None (line 2)"),
    ("import os\ndef f(x): return 2 * x if x != 4 else os._exit(3)", (PASS, EXITED), 3, "it ended with exit status 3"),
    ("import os\ndef f(x): return 2 * x if x != 1 else os.abort()", (CRASHED, PASS), 3, "killed by signal"),
    ("def f(x): return 2 * x if x != 4 else len(bytes(1 << 40))", (PASS, MEMORY), 4, "MemoryError"),
    ("def f(x): return 2 * x if x != 4 else b'x' * (10 << 20)", (PASS, OUTPUT), 4, "its answers are too large"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "statuses", "passed", "detail"), ENDINGS)
async def test_each_way_to_end_has_its_status(
    court: Court, program: str, statuses: tuple[Status, ...], passed: int, detail: str
) -> None:
    found = await judged(court, program)
    assert both(found) == statuses
    assert sum(each.passed for each in found.sets) == passed
    failures = [each.failure.detail for each in found.sets if each.failure is not None]
    assert not failures or failures[0].startswith(detail)
    expected = statuses if statuses[0] is PASS else (statuses[0], statuses[0])
    assert both(await judged(court, program, fast=True)) == expected


LOADING = [
    ("def f(x:", EXCEPTION, "SyntaxError"),
    ("", EXCEPTION, "LookupError: the program defines no function f"),
    ("def g(x): return 2 * x", EXCEPTION, "LookupError: the program defines no function f"),
    ("f = 2", EXCEPTION, "LookupError: the program defines no function f"),
    ("raise ValueError('no')", EXCEPTION, "ValueError: no (line 1)"),
    ("import nothing_of_that_name", EXCEPTION, "ModuleNotFoundError"),
    ("import sys; sys.exit(0)", EXITED, "SystemExit: 0"),
    ("import os; os._exit(0)", EXITED, "it ended with exit status 0"),
    ("def f(x): return 2 * x\n\0", EXCEPTION, "SyntaxError"),
    ("def f(x): return '\ud800'", EXCEPTION, "SyntaxError"),
    ("x = [0] * (1 << 40)", MEMORY, "MemoryError"),
    ("f = " + "(" * 5000, EXCEPTION, "SyntaxError"),
]


@pytest.mark.parametrize(("program", "status", "detail"), LOADING, ids=range(len(LOADING)))
async def test_a_program_that_cannot_be_loaded_fails_both_sets(
    court: Court, program: str, status: Status, detail: str
) -> None:
    for fast in (False, True):
        found = await judged(court, program, fast=fast)
        assert both(found) == (status, status)
        assert [each.failure.detail[: len(detail)] for each in found.sets if each.failure] == [detail] * 2


async def test_a_long_program_is_judged(court: Court) -> None:
    program = "# long\n" * (3 * (1 << 20) // 7) + "def f(x): return 2 * x\n"
    assert both(await judged(court, program)) == (PASS, PASS)


async def test_what_takes_too_long_ends_its_set_and_no_other(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "LEAST_SECONDS", 0.2)
    found = await judged(court, "def f(x):\n    while x == 1: pass\n    return 2 * x")
    assert both(found) == (TIMEOUT, PASS)
    assert (found.base.passed, found.plus and found.plus.passed) == (0, 3)


async def test_a_program_that_never_finishes_loading_is_out_of_time(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LOAD_SECONDS", 0.5)
    assert both(await judged(court, "while True: pass")) == (TIMEOUT, TIMEOUT)


async def test_the_first_failure_is_numbered_among_all_calls(court: Court) -> None:
    found = await judged(court, "def f(x): return 2 * x if x not in (2, 5) else 0")
    assert [each.failure and each.failure.number for each in found.sets] == [1, 4]


async def test_tests_that_are_left_out_are_not_made(court: Court) -> None:
    with court.of("own/1", leave_out={0, 3}) as of_some:
        found = (await of_some.judge("def f(x): return 2 * x if x not in (1, 4) else 1 / 0"))["strict"]
    assert [(each.passed, each.total) for each in found.sets] == [(1, 1), (2, 2)]


async def test_fast_makes_no_call_after_a_failure(court: Court, sandbox: NamespaceSandbox) -> None:
    program = "def f(x): return 2 * x if x == 1 else 0"
    slow, fast = await judged(court, program), await judged(court, program, fast=True)
    assert both(slow) == both(fast) == (WRONG, WRONG)
    assert (slow.base.passed, fast.base.passed) == (1, 1)


async def test_heavy_calls_in_parts_give_the_same_verdict(
    sandbox: NamespaceSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {
        "def f(x): return 2 * x": (PASS, PASS),
        "def f(x): return 2 * x if x < 17 else 0": (PASS, WRONG),
        "import os\ndef f(x): return 2 * x if x != 12 else os._exit(1)": (PASS, EXITED),
        "def f(x:": (EXCEPTION, EXCEPTION),
    }
    many = problem(DOUBLE.reference, calls(*range(5)), calls(*range(5, 20)))
    court = await court_of(sandbox, tmp_path, many)
    for calls_a_part in (5000, 3):
        monkeypatch.setattr(judge, "_PART_CALLS", calls_a_part)
        for program, statuses in programs.items():
            for fast in (False, True):
                assert both(await judged(court, program, fast=fast)) == statuses, (program, fast)


LARGE = problem("def f(n):\n    return [i / 7 for i in range(n)]\n", calls(5, 2000), calls(3000), tolerance=1e-6)


@pytest.mark.parametrize(
    ("program", "statuses"),
    [
        ("def f(n): return [i / 7 for i in range(n)]", (PASS, PASS)),
        ("def f(n): return [i / 7 + (i > 1500) * 1e-9 for i in range(n)]", (PASS, PASS)),
        ("def f(n): return [i / 7 + (i > 1500) * 1e-3 for i in range(n)]", (WRONG, WRONG)),
        ("def f(n): return [i / 7 + (i > 2500) * 1e-3 for i in range(n)]", (PASS, WRONG)),
        ("def f(n): return list(range(n))[:5] if n > 9 else [i / 7 for i in range(n)]", (WRONG, WRONG)),
        ("def f(n): return [i / 7 for i in range(n)] if n < 2500 else b'x' * (10 << 20)", (PASS, OUTPUT)),
        ("n = 0\ndef f(k):\n    global n\n    n += 1\n    return [i / 7 + 1e-9 for i in range(k)] if n != 1 or k < 9 else 1 / 0", (EXCEPTION, EXCEPTION)),
    ],
)  # fmt: skip
async def test_large_answers_are_seen_whole_where_their_digests_differ(
    sandbox: NamespaceSandbox, tmp_path: Path, program: str, statuses: tuple[Status, ...]
) -> None:
    court = await court_of(sandbox, tmp_path, LARGE)
    for fast in (False, True):
        assert both(await judged(court, program, fast=fast)) == statuses


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("def f(n): return list(range(n))", PASS),
        ("def f(n): return list(range(n))[:999]", WRONG),
        ("def f(n): return list(range(n + 1))", OUTPUT),
        ("def f(n): return 1 / 0", EXCEPTION),
    ],
)
async def test_answers_too_large_to_be_seen_pass_by_their_digest_alone(
    sandbox: NamespaceSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, status: Status
) -> None:
    monkeypatch.setattr(judge, "WHOLE_BYTES", 4000)
    court = await court_of(sandbox, tmp_path, problem("def f(n): return list(range(n))", calls(5000)))
    assert both(await judged(court, program)) == (status,)


async def test_a_zero_is_a_zero_under_every_profile(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    reference = """
def f(xs): return 0
def find_zero(xs):
    low, high = -1000.0, 1000.0
    value = lambda x: sum(c * x ** i for i, c in enumerate(xs))
    while high - low > 1e-10:
        middle = (low + high) / 2
        if value(low) * value(middle) > 0: low = middle
        else: high = middle
    return low
"""
    task = problem(reference, calls([1, 2]), calls([-6, 11, -6, 1]), entry_point="find_zero", tolerance=1e-4)
    court = await court_of(sandbox, tmp_path, task, name="humaneval+")
    others = reference.replace("return low", "return 3.0 if len(xs) == 4 else low")
    found = await court.judge("own/1", reference)
    assert {both(each) for each in found.values()} == {(PASS, PASS)}
    found = await court.judge("own/1", others)
    assert {name: both(each)[1] for name, each in found.items()}["strict"] is PASS
    found = await court.judge("own/1", "def find_zero(xs): return 0.123")
    assert {both(each) for each in found.values()} == {(WRONG, WRONG)}


async def test_tasks_about_sets_are_so_under_one_profile(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    task = problem(
        "def similar_elements(x):\n    return tuple(sorted(set(x)))\n",
        calls((3, 1, 1)),
        calls((5, 4)),
        entry_point="similar_elements",
    )
    court = await court_of(sandbox, tmp_path, task, name="mbpp+")
    found = await court.judge("own/1", "def similar_elements(x): return list(x)")
    assert {name: both(each) for name, each in found.items()} == {
        "strict": (WRONG, WRONG),
        "evalplus-0.2": (WRONG, WRONG),
        "evalplus-0.3": (PASS, PASS),
    }  # fmt: skip


async def test_types_count_under_strict_alone(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    court = await court_of(sandbox, tmp_path, DOUBLE)
    found = await court.judge("own/1", "def f(x): return 2.0 * x")
    assert {name: both(each)[0] for name, each in found.items()} == {
        "strict": WRONG,
        "evalplus-0.2": PASS,
        "evalplus-0.3": PASS,
    }
