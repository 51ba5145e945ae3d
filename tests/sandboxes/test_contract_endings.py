"""What every sandbox must do when a cell does not end well."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError
from ocinterp.protocols import Session
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell, ExecutionResult, LiveEvent, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Session]]
MIB = 1024 * 1024


async def run(session: Session, source: str, name: str = "cell") -> ExecutionResult:
    return await session.run(Cell(name, textwrap.dedent(source)))


async def started(session: Session, source: str) -> asyncio.Task[ExecutionResult]:
    """A running cell that has printed something."""
    printed = asyncio.Event()

    def listen(_: LiveEvent) -> None:
        printed.set()

    task = asyncio.create_task(session.run(Cell("started", textwrap.dedent(source)), on_output=listen))
    await printed.wait()
    return task


def traceback_of(result: ExecutionResult) -> str:
    assert result.error is not None, result
    return result.error.traceback


@pytest.mark.parametrize(
    ("source", "name", "excerpt"),
    [
        ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError", 'File "<cell cell>", line 2, in f'),
        ("import json\njson.loads('{')", "JSONDecodeError", 'File "<cell cell>", line 2, in <module>'),
        ("try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('x') from e", "ValueError", "direct cause"),
        ("try:\n    {}['k']\nexcept KeyError:\n    int('z')", "ValueError", "During handling"),
        ("x = (", "SyntaxError", "'(' was never closed"),
        ("def r():\n    r()\nr()", "RecursionError", "Previous line repeated"),
        ("raise ExceptionGroup('g', [ValueError('v')])", "ExceptionGroup", "ValueError: v"),
        ("import sys\nsys.exit(3)", "SystemExit", "SystemExit: 3"),
        ("exit()", "SystemExit", "SystemExit"),
        ("await_ = 1\nawait undefined", "NameError", "undefined"),
        ("x = 'a\\x0cb'\n'\u2028'\n1 / 0", "ZeroDivisionError", "line 3"),
    ],
)
async def test_a_traceback_shows_the_programs_own_frames(
    session: Session, source: str, name: str, excerpt: str
) -> None:
    result = await run(session, source)
    assert result.outcome is Outcome.ERROR
    assert result.error is not None
    assert result.error.name == name
    assert excerpt in result.error.traceback
    assert "ocinterp" not in result.error.traceback
    assert "/lib/python" not in result.error.traceback


async def test_an_exception_that_cannot_be_printed_is_still_reported(session: Session) -> None:
    result = await run(session, "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E")
    assert (result.outcome, result.error and result.error.name) == (Outcome.ERROR, "E")
    assert (await run(session, "E;")).ok


async def test_what_cannot_be_encoded_is_written_out(session: Session) -> None:
    result = await run(session, "raise ValueError('\\ud800')")
    assert result.error is not None
    assert result.error.message == "\\ud800"


async def test_input_says_what_to_do_instead(session: Session) -> None:
    result = await run(session, "input('name? ')")
    assert result.error is not None
    assert result.error.name == "EOFError"
    assert "into a variable" in result.error.message


@pytest.mark.parametrize(
    "source",
    [
        "import os; os._exit(0)",
        "import os; os._exit(7)",
        "import ctypes; ctypes.string_at(0)",
        "import os; os.abort()",
        "import os; os.close(3)",
        "import os; os.closerange(0, 256)",
        "import os; os.write(3, b'\\x00\\x00\\x00\\x02{}' * 9 + b'\\xff' * 9)",
        "import json; json.dumps = json.loads = None; import os; os.kill(os.getpid(), 9) or os._exit(1)",
    ],
)
async def test_a_session_outlives_its_interpreter_and_keeps_its_files(session: Session, source: str) -> None:
    await run(session, "x = 1; open('kept', 'w').write('here');")
    result = await run(session, source, "deadly")
    assert (result.cell_id, result.outcome) == ("deadly", Outcome.KILLED)
    assert result.error is not None
    assert "the files are still there" in result.error.message
    after = await run(session, "print(open('kept').read(), 'x' in globals())", "after")
    assert (after.cell_id, after.stdout) == ("after", "here False\n")


async def test_a_timeout_keeps_output_and_variables(limited: Open) -> None:
    async with limited(timeout_seconds=0.3, grace_seconds=5) as session:
        result = await run(session, "x = 41\nprint('before')\nwhile True: pass")
        assert (result.outcome, result.stdout) == (Outcome.TIMEOUT, "before\n")
        assert "line 3" in traceback_of(result)
        assert "0.3 s" in (result.error.message if result.error else "")
        assert (await run(session, "print(x)")).stdout == "41\n"


async def test_every_result_is_that_of_its_own_cell_also_after_a_timeout(limited: Open) -> None:
    async with limited(timeout_seconds=0.3, grace_seconds=5) as session:
        await run(session, "import time\nprint('one')\ntime.sleep(60)", "1")
        results = [await run(session, f"print('{word}')", word) for word in ("two", "three", "four")]
    assert [(result.cell_id, result.stdout) for result in results] == [(w, f"{w}\n") for w in ("two", "three", "four")]


@pytest.mark.parametrize(
    "source",
    [
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass",
        "import time\ntry:\n    time.sleep(60)\nfinally:\n    time.sleep(60)",
    ],
)
async def test_a_cell_that_will_not_stop_is_killed(limited: Open, source: str) -> None:
    async with limited(timeout_seconds=0.3) as session:
        await session.put("kept", b"here")
        result = await run(session, f"print('before')\n{source}")
        assert (result.outcome, result.stdout) == (Outcome.TIMEOUT, "before\n")
        assert (await run(session, "print(open('kept').read())")).stdout == "here\n"


async def test_an_interrupt_keeps_the_variables(session: Session) -> None:
    task = await started(session, "x = 41\nprint('go')\nwhile True: pass")
    await session.interrupt()
    result = await task
    assert (result.outcome, result.error and result.error.name) == (Outcome.ERROR, "KeyboardInterrupt")
    assert (await run(session, "print(x)")).stdout == "41\n"


async def test_an_interrupt_reaches_what_the_cell_waits_for(session: Session) -> None:
    task = await started(session, "import subprocess\nprint('go')\nsubprocess.run(['sleep', '60'])")
    await session.interrupt()
    assert (await task).outcome is Outcome.ERROR


async def test_an_interrupt_of_nothing_does_not_hit_the_next_cell(session: Session) -> None:
    await session.interrupt()
    assert (await run(session, "x = 1")).ok
    await session.interrupt()
    assert (await run(session, "sum(range(100_000))")).ok


async def test_an_interrupt_does_not_tear_what_is_being_shown(limited: Open) -> None:
    class Big:
        source = "class Big:\n    def __repr__(self): return 'b'\n    def _repr_html_(self): return 'h' * 900_000\n"

    async with limited() as session:
        for _ in range(5):
            task = await started(session, f"{Big.source}print('go')\nwhile True: display(Big())")
            await session.interrupt()
            assert (await task).outcome is Outcome.ERROR
        assert (await run(session, "print('fine')")).stdout == "fine\n"


async def test_a_cancelled_cell_is_gone_and_the_session_is_not(session: Session) -> None:
    await session.put("kept", b"here")
    task = await started(session, "print('go')\nwhile True: pass")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await run(session, "print(open('kept').read())", "after")).stdout == "here\n"


@pytest.mark.parametrize("source", ["x = bytearray(10 ** 13)", "raise MemoryError"])
async def test_running_out_of_memory_has_an_outcome_of_its_own(session: Session, source: str) -> None:
    assert (await run(session, source)).outcome is Outcome.MEMORY
    assert (await run(session, "print('fine')")).stdout == "fine\n"


async def test_a_program_that_holds_all_memory_can_still_let_go_of_it(limited: Open) -> None:
    async with limited(memory_bytes=256 * MIB) as session:
        result = await run(session, "x = []\nwhile True: x.append(' ' * 2000 + str(len(x)))")
        assert result.outcome is Outcome.MEMORY
        assert (await run(session, "del x")).ok
        assert (await run(session, "print('fine')")).stdout == "fine\n"


async def test_a_forked_child_that_comes_home_does_not_answer_for_its_parent(session: Session) -> None:
    result = await run(
        session, "import os\nif os.fork():\n    os.wait(); print('parent')\nelse:\n    print('child')\n5"
    )
    assert result.stdout == "child\nparent\n"
    assert len(result.displays) == 1
    assert (await run(session, "print('next')", "next")).stdout == "next\n"


async def test_a_child_that_fails_says_so(session: Session) -> None:
    result = await run(session, "import os\nif os.fork():\n    print(os.wait()[1] >> 8)\nelse:\n    1 / 0")
    assert result.stdout == "1\n"
    assert "ZeroDivisionError" in result.stderr


async def test_the_processor_time_is_that_of_the_cell_and_its_children(session: Session) -> None:
    burn = "import time\nwhile time.process_time() < {}: pass"
    result = await run(
        session, f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn.format(0.2)!r}]);"
    )
    assert result.ok
    assert result.cpu_seconds >= 0.15
    assert (await run(session, "1")).cpu_seconds < result.cpu_seconds


async def test_an_interrupt_that_comes_before_the_interpreter_is_there_is_not_lost(limited: Open) -> None:
    async with limited() as session:
        running = asyncio.create_task(run(session, "import time\ntime.sleep(1000)"))
        await asyncio.sleep(0)  # it has begun, and waits for the zygote
        await session.interrupt()
        result = await running
        assert result.error is not None
        assert result.error.name == "KeyboardInterrupt"


@pytest.mark.parametrize("moments", [0, 1, 2, 3, 5, 8, 12])
async def test_who_gives_up_while_a_session_opens_gets_the_reason_they_gave(limited: Open, moments: int) -> None:
    async def work() -> None:
        async with limited() as session:
            await run(session, "1")

    task = asyncio.create_task(work())
    for _ in range(moments):
        await asyncio.sleep(0.01)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cell_whose_session_is_closed_ends_as_killed(sandbox: NamespaceSandbox) -> None:
    started = asyncio.Event()
    async with sandbox.open() as session:
        cell = Cell("c", "print('go')\nimport time\ntime.sleep(1000)")
        running = asyncio.create_task(session.run(cell, on_output=lambda _: started.set()))
        await started.wait()
    assert (await running).outcome is Outcome.KILLED


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_without_descriptors_it_is_the_sandbox_that_fails_and_nothing_leaks(sandbox: NamespaceSandbox) -> None:
    await sandbox.ready()
    before = descriptors()
    failed = 0
    while failed < 30:
        taken: list[int] = []
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for _ in range(failed):
            os.close(taken.pop())
        try:
            async with sandbox.open() as session:
                result = await run(session, "1")
            break
        except SandboxError:
            failed += 1
        finally:
            for each in taken:
                os.close(each)
        assert descriptors() <= before  # fewer when the zygote that was in trouble has been given up
    else:
        pytest.fail("no session could be opened any more")
    assert result.ok
    assert failed > 3
    await sandbox.ready()
    assert descriptors() == before


async def test_children_that_nobody_waits_for_do_not_use_up_the_processes(tier: str, limited: Open) -> None:
    if tier == "unsafe":
        pytest.skip("without a PID namespace they are the host's to wait for")
    async with limited(processes=20) as session:
        for _ in range(3):
            source = "import subprocess\nfor _ in range(30): subprocess.run('true &', shell=True)"
            result = await run(session, source)
            assert result.ok, result
        waits = """
            import os, subprocess, sys
            started = [subprocess.Popen([sys.executable, '-c', f'raise SystemExit({code})']) for code in (3, 4)]
            pid = os.fork()
            if pid == 0: os._exit(5)
            """
        await run(session, waits)
        later = await run(
            session, "print([each.wait() for each in started], os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
        )
        assert later.stdout == "[3, 4] 5\n", later
