"""Jobs, on every tier that forks from zygotes."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ocinterp.errors import SandboxError, UsageError
from ocinterp.jobs import Enough, Job, JobEnd, Rest, sealed
from ocinterp.sandboxes.container.sandbox import ContainerSandbox
from ocinterp.sandboxes.limits import MIB, Resources, Service
from ocinterp.sandboxes.ns import errand
from ocinterp.sandboxes.ns.supervisor import Supervisor
from ocinterp.sandboxes.probe import probe
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import BubblewrapSandbox, LandlockSandbox, NamespaceSandbox, UnsafeSandbox
from ocinterp.testing.processes import descendants
from ocinterp.types import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROFILE = Profile(guests=(("tests.guests", Path(__file__).parent / "guests"),))
RESOURCES = Resources(memory_bytes=512 * MIB, disk_bytes=8 * MIB, output_bytes=4 * MIB, processes=32)
TIERS = (NamespaceSandbox, LandlockSandbox, BubblewrapSandbox, UnsafeSandbox)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=TIERS, ids=lambda tier: tier.name)
async def sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[NamespaceSandbox]:
    finding = await probe(request.param.name)
    if not finding.works:
        pytest.skip(f"{request.param.name}: {finding.why}")
    async with request.param(RESOURCES, profile=PROFILE) as sandbox:
        yield sandbox


async def ask(
    sandbox: NamespaceSandbox,
    program: str,
    *inputs: int,
    on_bytes: Callable[[bytes], None] | None = None,
    order: dict[str, Any] | None = None,
    cpu: float = 10,
    wall: float = 20,
    idle: float = math.inf,
    rest: Rest | None = None,
) -> tuple[JobEnd, bytes]:
    """How a job that runs `program` ended, and what it answered."""
    pieces: list[bytes] = []
    with sealed(program.encode()) as source:
        job = Job(
            "tests.guests.running",
            order or {},
            (source, *inputs),
            cpu_seconds=cpu,
            wall_seconds=wall,
            idle_seconds=idle,
            rest=rest,
        )
        end = await sandbox.perform(job, on_bytes=on_bytes or pieces.append)
    return end, b"".join(pieces)


async def test_what_a_job_answers_comes_back_whole(sandbox: NamespaceSandbox) -> None:
    program = "import os\nfor n in range(300): os.write(answers, bytes([n % 251]) * 10_000)"
    end, answer = await ask(sandbox, program)
    assert (end.outcome, end.status) == (Outcome.OK, 0)
    assert answer == b"".join(bytes([n % 251]) * 10_000 for n in range(300))


async def test_a_job_gets_its_order_and_its_inputs(sandbox: NamespaceSandbox) -> None:
    with sealed(b"one") as one, sealed(b"two") as two:
        program = "import os\nos.write(answers, order['word'].encode() + os.pread(inputs[1], 9, 0) + os.pread(inputs[2], 9, 0))"
        assert (await ask(sandbox, program, one, two, order={"word": "say "}))[1] == b"say onetwo"


async def test_an_input_cannot_be_changed_for_those_that_come_later(sandbox: NamespaceSandbox) -> None:
    attempts = """
import os, mmap
for attempt in (
    lambda: os.pwrite(inputs[1], b"forged", 0),
    lambda: os.ftruncate(inputs[1], 0),
    lambda: mmap.mmap(inputs[1], 4096).write(b"forged"),
):
    try:
        attempt()
    except (OSError, ValueError) as error:
        os.write(answers, type(error).__name__.encode() + b" ")
"""
    with sealed(b"x" * 4096) as kept:
        _, answer = await ask(sandbox, attempts, kept)
        assert len(answer.split()) == 3
        assert os.pread(kept, 5000, 0) == b"x" * 4096


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("import os; os._exit(7)", Outcome.ERROR),
        ("raise ValueError", Outcome.ERROR),
        ("raise SystemExit(0)", Outcome.ERROR),
        ("import os, signal; os.abort()", Outcome.KILLED),
        ("while True: pass", Outcome.TIMEOUT),
        ("9 ** 9 ** 9", Outcome.TIMEOUT),
        ("import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", Outcome.TIMEOUT),
        ("import time; time.sleep(60)", Outcome.TIMEOUT),
        ("import os\nwhile True: os.write(answers, b'x' * 65536)", Outcome.OUTPUT),
        ("x = b'x' * (1 << 40)", Outcome.ERROR),
    ],
)
async def test_how_a_job_ends_is_told_by_who_waits_for_it(
    sandbox: NamespaceSandbox, program: str, outcome: Outcome
) -> None:
    end, _ = await ask(sandbox, program, cpu=1, wall=2 if "sleep" in program else 20)
    assert end.outcome is outcome
    assert (await ask(sandbox, "import os; os.write(answers, b'next')"))[1] == b"next"


async def test_memory_is_bounded_for_all_processes_of_a_job_together(sandbox: NamespaceSandbox) -> None:
    program = """
import os, time
holding, hold = os.pipe()
pids = []
for _ in range(4):
    pid = os.fork()
    if not pid:
        held = b"xy" * (150 << 19)
        os.write(hold, b"h")
        time.sleep(2)
        os._exit(0)
    pids.append(pid)
killed = sum(os.waitpid(pid, 0)[1] == 9 for pid in pids)
os.write(answers, str(killed).encode())
"""
    end, answer = await ask(sandbox, program)
    assert end.outcome is Outcome.MEMORY or int(answer) > 0  # the kernel may choose a child, not the parent
    assert (await ask(sandbox, "import os; os.write(answers, b'next')"))[1] == b"next"


async def test_a_listener_that_has_enough_ends_the_job(sandbox: NamespaceSandbox) -> None:
    def listen(_: bytes) -> None:
        raise Enough

    end, _ = await ask(sandbox, "import os, time; os.write(answers, b'!'); time.sleep(60)", on_bytes=listen)
    assert (end.outcome, end.status) == (Outcome.KILLED, -signal.SIGKILL)


async def test_what_a_listener_raises_is_raised_when_the_job_is_gone(sandbox: NamespaceSandbox) -> None:
    def listen(_: bytes) -> None:
        raise UsageError("mine")

    with pytest.raises(UsageError, match="mine"):
        await ask(sandbox, "import os, time; os.write(answers, b'!'); time.sleep(60)", on_bytes=listen)


async def test_a_cancelled_job_is_killed(sandbox: NamespaceSandbox) -> None:
    started = asyncio.Event()
    program = "import os, time; os.write(answers, b'!'); time.sleep(600)"
    task = asyncio.create_task(ask(sandbox, program, on_bytes=lambda _: started.set(), wall=900))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await ask(sandbox, "import os; os.write(answers, b'next')"))[1] == b"next"


async def test_nothing_of_a_job_is_left_for_the_next(sandbox: NamespaceSandbox) -> None:
    shared = "/nowhere" if isinstance(sandbox, UnsafeSandbox) else "/dev/shm"  # the host's own, which others look at
    leave = f"""
import os, tempfile, time
for folder in (os.getcwd(), tempfile.gettempdir(), "{shared}", os.environ["HOME"]):
    try:
        open(folder + "/left-by-a-job", "w").write("x")
    except OSError:
        pass
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(600)
"""
    look = """
import os, tempfile
folders = (os.getcwd(), tempfile.gettempdir(), "/dev/shm", os.environ["HOME"])
found = [folder for folder in folders if os.path.exists(f"{folder}/left-by-a-job")]
os.write(answers, repr(found).encode())
"""
    await ask(sandbox, "pass")  # what serves them all is there from now on
    before = len(descendants())
    end, _ = await ask(sandbox, leave)
    assert end.outcome is Outcome.OK
    _, answer = await ask(sandbox, look)
    if not isinstance(sandbox, UnsafeSandbox):
        assert answer == b"[]"
    assert len(descendants()) <= before


async def test_two_jobs_may_speak_to_each_other(sandbox: NamespaceSandbox) -> None:
    ours, theirs = socket.socketpair()
    ask_it = "import os; os.write(inputs[1], b'what?'); os.write(answers, os.read(inputs[1], 99))"
    tell_it = "import os; os.write(inputs[1], os.read(inputs[1], 99) + b' that')"
    with ours, theirs:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(ask(sandbox, ask_it, ours.fileno()))
            group.create_task(ask(sandbox, tell_it, theirs.fileno()))
    assert asked.result()[1] == b"what? that"


async def test_an_entry_that_is_no_guests_is_refused(sandbox: NamespaceSandbox) -> None:
    with pytest.raises(SandboxError, match="no guest"):
        await sandbox.perform(Job("os.path"), on_bytes=lambda _: None)
    assert (await ask(sandbox, "import os; os.write(answers, b'next')"))[1] == b"next"


async def test_no_capabilities_are_left(sandbox: NamespaceSandbox) -> None:
    if isinstance(sandbox, UnsafeSandbox):
        pytest.skip("it takes nothing away")
    program = """
import os
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
rights = {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
os.write(answers, f"{rights} {status['NoNewPrivs']} {status['Seccomp']}".encode())
"""
    assert (await ask(sandbox, program))[1] == b"{0} 1 2"


async def test_many_jobs_at_once_end_as_they_should() -> None:
    async with (
        NamespaceSandbox(RESOURCES, profile=PROFILE, service=Service(zygotes=2)) as sandbox,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(ask(sandbox, f"import os; os.write(answers, b'{n}')")) for n in range(100)]
    assert [task.result()[1] for task in tasks] == [str(n).encode() for n in range(100)]


async def test_a_dead_zygote_is_a_failure_of_the_sandbox_and_is_replaced() -> None:
    async with NamespaceSandbox(RESOURCES, profile=PROFILE) as sandbox:
        started = asyncio.Event()
        program = "import os, time; os.write(answers, b'!'); time.sleep(600)"
        task = asyncio.create_task(ask(sandbox, program, on_bytes=lambda _: started.set(), wall=900))
        await started.wait()
        for pid in descendants():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(SandboxError):
            await task
        assert (await ask(sandbox, "import os; os.write(answers, b'next')"))[1] == b"next"


async def test_a_container_takes_no_jobs() -> None:
    with pytest.raises(UsageError, match="do not run in containers"):
        ContainerSandbox(profile=PROFILE)


async def test_a_sealed_input_goes_with_its_block() -> None:
    with ExitStack() as stack:
        fd = stack.enter_context(sealed(b"x"))
        os.fstat(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


BUSY = """
import time
def burn(seconds):
    start = time.process_time()
    while time.process_time() < start + seconds:
        pass
"""


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(600)",
        "import time\nwhile True: time.sleep(0.3)",
        "import threading\nfor _ in range(3): threading.Thread(target=threading.Event().wait).start()\nthreading.Event().wait()",
        "import os, time\nif not os.fork(): time.sleep(600)\nos.wait()",
    ],
)
async def test_a_job_that_sleeps_is_out_of_time_long_before_the_clock_on_the_wall(
    sandbox: NamespaceSandbox, program: str
) -> None:
    end, _ = await ask(sandbox, program, wall=600, idle=0.5)
    assert end.outcome is Outcome.TIMEOUT
    assert end.cpu_seconds < 5


@pytest.mark.parametrize(
    "program",
    [
        f"{BUSY}\nburn(2.4)",
        f"{BUSY}\nimport os\nif not os.fork():\n    burn(2.4)\n    os._exit(0)\nos.wait()",
        f"{BUSY}\nimport threading\none = threading.Thread(target=burn, args=(2.4,))\none.start()\none.join()",
        f"{BUSY}\nfor _ in range(5):\n    burn(0.3)\n    time.sleep(0.3)",
    ],
)
async def test_a_job_of_which_any_part_works_is_not_asleep(sandbox: NamespaceSandbox, program: str) -> None:
    end, _ = await ask(sandbox, program, wall=600, idle=0.5)
    assert (end.outcome, end.status) == (Outcome.OK, 0)


async def test_a_job_that_waits_for_another_does_not_sleep_while_that_works(sandbox: NamespaceSandbox) -> None:
    if sandbox.single:
        pytest.skip("one of its jobs at a time")
    rest = Rest(members=2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        waiting = ask(sandbox, "import os\nos.read(inputs[1], 1)", ours.fileno(), wall=600, idle=0.5, rest=rest)
        working = ask(
            sandbox, f"{BUSY}\nimport os\nburn(2.4)\nos.write(inputs[1], b'!')", theirs.fileno(), wall=600, rest=rest
        )
        async with asyncio.TaskGroup() as group:
            ends = [group.create_task(each) for each in (waiting, working)]
    assert [each.result()[0].outcome for each in ends] == [Outcome.OK, Outcome.OK]


async def test_looks_count_where_all_have_slept_between_two() -> None:
    rest = Rest(members=2)
    for one, other in ((True, False), (True, True), (False, True), (True, True)):
        rest.saw("one", asleep=one)
        rest.saw("other", asleep=other)
    assert rest.looks == 0
    rest.saw("one", asleep=True)
    assert rest.looks == 1
    rest.saw("other", asleep=True)  # the same second, seen by the other
    assert rest.looks == 1


async def test_a_job_does_not_sleep_for_one_that_is_not_there_yet_and_no_more_for_one_that_has_gone() -> None:
    rest = Rest(members=2)
    for _ in range(9):
        rest.saw("one", asleep=True)
    assert rest.looks == 0
    rest.leave("other")  # before anybody had looked at it
    rest.saw("one", asleep=True)
    assert rest.looks == 1


async def test_what_is_answered_while_a_job_is_looked_at_is_heard(
    sandbox: NamespaceSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(self: Supervisor, key: str) -> tuple[float, bool]:
        await asyncio.sleep(2)
        return 0.0, True

    monkeypatch.setattr(errand, "_WATCH_SECONDS", 0.05)
    monkeypatch.setattr(Supervisor, "activity_of_job", slowly)
    end, answer = await ask(sandbox, "import os, time\ntime.sleep(0.3)\nos.write(answers, b'last words')")
    assert (end.outcome, answer) == (Outcome.OK, b"last words")
