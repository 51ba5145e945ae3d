"""Attacks on the end: of a cell, of its processes, of the session, of whoever else is alive."""

from __future__ import annotations

import asyncio

import pytest

from attack.harness import Attack
from ocinterp.types import Cell, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_ignored_signals(attack: Attack) -> None:
    source = """
        import signal
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        while True: pass
        """
    await attack.expect(source, Outcome.TIMEOUT)


async def test_blocked_signals(attack: Attack) -> None:
    await attack.expect(
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass",
        Outcome.TIMEOUT,
    )


async def test_a_handler_that_never_returns(attack: Attack) -> None:
    source = """
        import signal
        def stay(*_):
            while True: pass
        signal.signal(signal.SIGINT, stay)
        while True: pass
        """
    await attack.expect(source, Outcome.TIMEOUT)


async def test_swallowed_exceptions(attack: Attack) -> None:
    source = """
        while True:
            try:
                while True: pass
            except BaseException: pass
        """
    await attack.expect(source, Outcome.TIMEOUT)


async def test_a_finally_that_never_ends(attack: Attack) -> None:
    await attack.expect("try:\n 1 / 0\nfinally:\n while True: pass", Outcome.TIMEOUT)


async def test_a_finalizer_that_never_ends(attack: Attack) -> None:
    await attack.expect("class A:\n def __del__(self):\n  while True: pass\nA();", Outcome.TIMEOUT)


async def test_a_trace_function_that_never_ends(attack: Attack) -> None:
    source = "import sys\ndef stay(*_):\n while True: pass\nsys.settrace(stay)\ndef f(): pass\nf()"
    await attack.expect(source, Outcome.TIMEOUT)


async def test_the_interpreters_lock_held_in_c(attack: Attack) -> None:
    await attack.expect("import ctypes\nctypes.PyDLL(None).pause()", Outcome.TIMEOUT)


async def test_stopping_itself(attack: Attack) -> None:
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nprint('alive')"
    assert await attack.says(source) == ["alive"]


async def test_stopping_a_child_and_waiting_for_it(attack: Attack) -> None:
    source = "import os, signal, subprocess\nchild = subprocess.Popen(['sleep', '600'])\nchild.send_signal(signal.SIGSTOP)\nchild.wait()"
    await attack.expect(source, Outcome.TIMEOUT)


async def test_a_traced_child_that_is_never_let_go(attack: Attack) -> None:
    source = """
        import os
        number = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
        if os.fork() == 0:
            print(call(number, 0, 0, 0, 0), flush=True)
            os._exit(0)
        os.wait();
        """
    assert await attack.says(source) == ["EPERM"]


async def test_killing_everything(attack: Attack) -> None:
    other = await attack.another()
    await other.run(Cell("before", "x = 1"))
    source = """
        import os, signal
        for number in (signal.SIGTERM, signal.SIGKILL):
            try: os.kill(-1, number)
            except ProcessLookupError: pass
        print("alive")
        """
    assert await attack.says(source) == ["alive"]
    assert (await other.run(Cell("after", "print(x)"))).stdout == "1\n"


async def test_killing_its_own_group(attack: Attack) -> None:
    result = await attack("import os, signal\nos.killpg(0, signal.SIGKILL)\nprint('alive')")
    assert result.stdout == "alive\n"  # the first process of its namespace cannot kill itself


async def test_killing_the_first_process(attack: Attack) -> None:
    assert await attack.says("import os, signal\nos.kill(1, signal.SIGKILL)\nprint('alive')") == ["alive"]


async def test_killing_its_parent(attack: Attack) -> None:
    source = "import os\nprint(os.getppid())"
    assert await attack.says(source) == ["0"]  # there is nobody above it that it could name


async def test_a_child_that_kills_the_interpreter(attack: Attack) -> None:
    source = "import os, signal, time\nif os.fork() == 0:\n os.kill(1, signal.SIGKILL)\n os._exit(0)\nos.wait()\nprint('alive')"
    assert await attack.says(source) == ["alive"]


async def test_a_daemon(attack: Attack) -> None:
    source = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 256)
                time.sleep(600)
            os._exit(0)
        os.wait();
        """
    assert (await attack(source)).outcome is Outcome.OK


async def test_a_daemon_that_holds_the_output(attack: Attack) -> None:
    result = await attack("import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True);")
    assert result.outcome is Outcome.OK, result
    assert result.wall_seconds < 0.8  # nobody waits for the pipe to be closed


async def test_a_daemon_that_makes_daemons(attack: Attack) -> None:
    source = """
        import os, time
        def go_on():
            while True:
                try:
                    if os.fork() == 0: time.sleep(0.01)
                    else: os._exit(0)
                except OSError: pass
        if os.fork() == 0:
            os.setsid()
            go_on()
        """
    assert (await attack(source)).outcome is Outcome.OK


async def test_a_daemon_that_speaks_later(attack: Attack) -> None:
    source = "import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 0.1; echo late; touch done']);"
    assert (await attack(source)).stdout == ""
    while "done" not in {each.name for each in await attack.session.files()}:
        await asyncio.sleep(0.01)
    result = await attack("print('mine')")
    assert result.stdout == "mine\n"
    assert "late" in result.stderr


async def test_a_thread_that_goes_on(attack: Attack) -> None:
    source = "import threading\ndef go_on():\n while True: pass\nthreading.Thread(target=go_on).start()"
    assert (await attack(source)).outcome is Outcome.OK


async def test_code_at_exit(attack: Attack) -> None:
    source = """
        import atexit, sys, threading
        atexit.register(lambda: open("/workspace/exit", "w").close())
        sys.exitfunc = threading._shutdown = lambda: None
        """
    assert (await attack(source)).outcome is Outcome.OK
    assert (await attack("import os\nos._exit(0)")).outcome is Outcome.KILLED
    assert await attack.session.files() == ()


@pytest.mark.parametrize("code", [0, 1, 124, 137, 255])
async def test_leaving_with_an_exit_code(attack: Attack, code: int) -> None:
    error = await attack.expect(f"import os\nos._exit({code})", Outcome.KILLED)
    assert f"exit code {code}" in error.message


async def test_leaving_politely(attack: Attack) -> None:
    await attack.expect("import sys\nsys.exit(3)", Outcome.ERROR, "SystemExit")


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.abort()",
        "import ctypes\nctypes.string_at(0)",
        "import faulthandler\nfaulthandler._sigabrt()",
        "import ctypes\nctypes.CDLL(None).raise_(11) if hasattr(ctypes.CDLL(None), 'raise_') else ctypes.string_at(1)",
        "import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 0'])",
        "import os\nos.execv('/bin/sleep', ['sleep', '600'])",
    ],
    ids=["abort", "null", "faulthandler", "segfault", "exec", "exec-sleep"],
)
async def test_the_interpreter_is_gone(attack: Attack, source: str) -> None:
    await attack.expect(source, Outcome.KILLED)


async def test_a_child_that_goes_on_in_its_parents_place(attack: Attack) -> None:
    source = """
        import os, time
        if os.fork():
            os._exit(0)
        time.sleep(0.05)
        print("I am the interpreter now")
        """
    await attack.expect(source, Outcome.KILLED)


async def test_a_clock_of_its_own(attack: Attack) -> None:
    source = """
        import signal, time
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        signal.signal(signal.SIGALRM, lambda *_: None)
        time.sleep(600)
        """
    await attack.expect(source, Outcome.TIMEOUT)


async def test_changing_the_time(attack: Attack) -> None:
    assert await attack.says("import time\ndenied(time.clock_settime, time.CLOCK_REALTIME, 0)") == ["EPERM"]


async def test_closing_every_descriptor(attack: Attack) -> None:
    await attack.expect("import os\nos.closerange(0, 4096)", Outcome.KILLED)
    assert (await attack("print('again')")).stdout == "again\n"


async def test_closing_the_output(attack: Attack) -> None:
    assert (await attack("import os, sys\nsys.stdout.close(); os.close(1); os.close(2);")).outcome is Outcome.OK


async def test_input(attack: Attack) -> None:
    await attack.expect("input()", Outcome.ERROR, "EOFError")


async def test_reading_standard_input(attack: Attack) -> None:
    assert await attack.says("import os, sys\nprint(repr(sys.stdin.read()), os.read(0, 1))") == ["''", "b''"]


async def test_waiting_on_the_control_channel(attack: Attack) -> None:
    result = await attack("import os\nos.read(3, 100)")
    assert result.outcome in {Outcome.TIMEOUT, Outcome.KILLED}, result
