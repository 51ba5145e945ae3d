"""The tiers without namespaces of their own: what the walls that are left must keep out."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from attack.harness import LIMITS
from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import MIB
from ocinterp.sandboxes.ns import landlock, seccomp
from ocinterp.sandboxes.probe import TIERS, probe
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants, ended
from ocinterp.types import Cell, ExecutionResult, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = 1_000_000 + os.getpid()  # seconds, of these tests alone


@pytest.fixture(scope="module", params=["bwrap", "landlock", "container"])
def tier(request: pytest.FixtureRequest) -> str:
    with ThreadPoolExecutor(1) as thread:
        finding = thread.submit(lambda: asyncio.run(probe(request.param))).result()
    if not finding.works:
        pytest.skip(f"{request.param}: {finding.why}")
    return request.param


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tier: str, bystander: subprocess.Popen[bytes]) -> AsyncGenerator[NamespaceSandbox]:
    before = set(descendants())
    async with TIERS[tier](replace(LIMITS, memory_bytes=256 * MIB)) as sandbox:  # which a busy machine fills in time
        await sandbox.ready()
        yield sandbox
        service = set(descendants()) - before
    assert ended(service)


@pytest_asyncio.fixture(loop_scope="module")
async def session(sandbox: NamespaceSandbox) -> AsyncGenerator[Session]:
    """A session to attack from; afterwards the next one must find everything as it should be."""
    before = set(descendants())
    async with sandbox.open() as session:
        yield session
    async with sandbox.open() as after:
        honest = (
            "import os, subprocess\nprint(os.listdir(), subprocess.run(['echo', 'hi'], capture_output=True).stdout)"
        )
        assert (await run(after, honest)).stdout == "[] b'hi\\n'\n"
        left = set(descendants()) - before
    assert ended(left - set(descendants()) if sandbox.single else left)


@pytest.fixture(scope="module")
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of the person's, which is there from the beginning."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"SECRET": "hush"}) as process:
        yield process
        process.kill()


async def run(session: Session, source: str) -> ExecutionResult:
    return await session.run(Cell("attack", textwrap.dedent(source)))


REFUSALS = {"PermissionError", "FileNotFoundError", "ProcessLookupError", "OSError"}


async def error_of(session: Session, source: str) -> str:
    """The name of the error that the attack ends in."""
    result = await run(session, source)
    assert result.outcome is Outcome.ERROR, result
    assert result.error is not None
    return result.error.name


async def test_a_file_of_the_host_is_out_of_reach(session: Session, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    marker.write_text("hush")
    for act in ("open({0!r}).read()", "open({0!r}, 'w')", "os.remove({0!r})", "os.truncate({0!r}, 0)"):
        assert await error_of(session, f"import os\n{act.format(str(marker))}") in REFUSALS
    assert marker.read_text() == "hush"


async def test_the_host_keeps_what_landlock_does_not_cover(session: Session, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    marker.write_text("hush")
    before = marker.stat()
    for act in ("chmod({0!r}, 0)", "utime({0!r}, (0, 0))", "setxattr({0!r}, 'user.a', b'b')", "chown({0!r}, 9, 9)"):
        await run(session, f"import os\nos.{act.format(str(marker))}")
    after = marker.stat()
    assert (after.st_mode, after.st_mtime, after.st_uid) == (before.st_mode, before.st_mtime, before.st_uid)
    assert os.listxattr(marker) == []


async def test_nothing_can_be_written_outside_the_session(session: Session) -> None:
    for place in ("/", "/etc", "/usr", "/usr/lib", "/dev", "/var", "/home", "/root", "/run"):
        assert await error_of(session, f"open('{place}/ocinterp-attack', 'w').write('x')") in REFUSALS
        assert not os.path.lexists(f"{place}/ocinterp-attack")


async def test_private_places_cannot_be_looked_into(tier: str, session: Session) -> None:
    if tier == "container":
        pytest.skip("what is there is the image's, and may be seen")
    for place in ("/etc/shadow", "/etc/hostname", "/etc/machine-id"):
        assert await error_of(session, f"open('{place}').read()") in REFUSALS
    for place in ("/root", "/home", "/var/log"):
        assert await error_of(session, f"import os\nos.listdir('{place}')") in REFUSALS


async def test_an_installed_package_cannot_be_changed(session: Session) -> None:
    assert await error_of(session, "import numpy\nopen(numpy.__file__, 'a')") in REFUSALS
    before = Path(pytest.__file__).stat().st_mode
    await run(session, "import os, pytest\nfd = os.open(pytest.__file__, os.O_RDONLY)\nos.fchmod(fd, 0)")
    assert Path(pytest.__file__).stat().st_mode == before


async def test_other_processes_cannot_be_looked_into(session: Session, bystander: subprocess.Popen[bytes]) -> None:
    for pid in (bystander.pid, os.getpid(), 1):
        for act in ("open('/proc/{0}/environ')", "open('/proc/{0}/mem', 'rb')", "os.readlink('/proc/{0}/cwd')"):
            assert await error_of(session, f"import os\n{act.format(pid)}") in REFUSALS
        assert await error_of(session, f"import os\nos.readlink('/proc/{pid}/fd/0')") in REFUSALS


async def test_no_signal_leaves_the_session(session: Session, bystander: subprocess.Popen[bytes]) -> None:
    for pid in (bystander.pid, os.getpid()):
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, 0):
            assert await error_of(session, f"import os\nos.kill({pid}, {number})") in REFUSALS
    assert bystander.poll() is None


async def test_a_signal_to_everybody_stays_inside(
    sandbox: NamespaceSandbox, session: Session, bystander: subprocess.Popen[bytes]
) -> None:
    await run(session, "import os\nos.kill(-1, 9)")
    assert bystander.poll() is None
    assert (await run(session, "print(1)")).stdout == "1\n"


@pytest.mark.parametrize(
    "act", ["resource.prlimit({0}, resource.RLIMIT_CPU, (0, 0))", "os.sched_setaffinity({0}, {{0}})"]
)
async def test_the_limits_of_other_processes_cannot_be_set(
    session: Session, bystander: subprocess.Popen[bytes], act: str
) -> None:
    assert await error_of(session, f"import os, resource\n{act.format(bystander.pid)}") in REFUSALS
    assert bystander.poll() is None


async def test_its_own_limits_can_still_be_lowered(session: Session) -> None:
    source = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\nprint(resource.getrlimit(resource.RLIMIT_NOFILE))"
    assert (await run(session, source)).stdout == "(64, 64)\n"


async def test_there_is_no_socket(session: Session) -> None:
    for kind in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"):
        assert await error_of(session, f"import socket\nsocket.socket(socket.{kind})") in REFUSALS


async def test_system_calls_that_lead_out_are_denied(session: Session) -> None:
    column = 0 if os.uname().machine == "x86_64" else 1
    tables = {**seccomp.DENIED, **seccomp.SHARED_PROCESSES}
    numbers = {name: numbers[column] for name, numbers in tables.items() if numbers[column] is not None}
    source = f"""
        import ctypes, errno
        libc = ctypes.CDLL(None, use_errno=True)
        for name, number in {numbers}.items():
            if (libc.syscall(number, 0, 0, 0, 0, 0), ctypes.get_errno()) != (-1, errno.EPERM):
                print(name)
        """
    assert (await run(session, source)).stdout == ""


async def test_sessions_find_nothing_of_each_other(sandbox: NamespaceSandbox, session: Session) -> None:
    async with sandbox.open() as other:
        await run(other, "open('note', 'w').write('hush')")
        place = (await run(other, "import os\nprint(os.getcwd())")).stdout.strip()
        if sandbox.single:
            assert (await run(session, "import os\nprint(os.listdir())")).stdout == "[]\n"
        else:
            assert await error_of(session, f"open({place + '/note'!r})") in REFUSALS
            assert await error_of(session, f"import os\nos.listdir({place!r})") in REFUSALS


@pytest.mark.parametrize(
    "leave",
    [
        "subprocess.Popen(['sleep', '{0}'])",
        "subprocess.Popen(['sleep', '{0}'], start_new_session=True)",
        "subprocess.run('setsid sleep {0} & setsid sh -c \"sleep {0} & sleep {0}\" &', shell=True)",
    ],
)
async def test_what_a_session_leaves_running_ends_with_it(sandbox: NamespaceSandbox, leave: str) -> None:
    async with sandbox.open() as session:
        result = await run(session, f"import subprocess\n{leave.format(SLEEP)}\nprint('left')")
        assert result.stdout == "left\n"
        async with asyncio.timeout(20):
            while len(_sleepers()) < leave.count("sleep"):  # a shell starts them in its own time
                await asyncio.sleep(0)
    assert ended(_sleepers())


async def test_what_a_killed_interpreter_left_running_ends_with_it(session: Session) -> None:
    source = f"import os, subprocess\np = subprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True)\nprint(flush=True)\nos.kill(os.getpid(), 9)"
    if landlock.abi() < landlock.SCOPED:
        source = source.replace("os.kill(os.getpid(), 9)", "os._exit(1)")
    assert (await run(session, source)).outcome is Outcome.KILLED
    assert _sleepers() == set()


async def test_memory_is_bounded_in_one_process_and_in_many(session: Session) -> None:
    one = await run(session, "x = bytearray(1 << 30)")
    assert one.outcome is Outcome.MEMORY
    source = """
        import os, time
        for _ in range(6):
            if not os.fork():
                hog = bytearray(100 << 20)
                for at in range(0, len(hog), 4096): hog[at] = 1
                time.sleep(1000)
        while True: time.sleep(1)
        """
    assert (await run(session, source)).outcome is Outcome.MEMORY


async def test_a_cell_that_is_deaf_to_everything_is_killed(session: Session) -> None:
    source = """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True:
            try:
                while True: pass
            except BaseException: pass
        """
    assert (await run(session, source)).outcome is Outcome.TIMEOUT
    assert (await run(session, "print(1)")).stdout == "1\n"


def _sleepers() -> set[int]:
    """What sleeps as long as a program of these tests; in a container it is not below this process."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes() == f"sleep\0{SLEEP}\0".encode():
                found.add(int(path.parent.name))
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


async def shell(session: Session, source: str) -> ExecutionResult:
    return await session.run(Cell("attack", textwrap.dedent(source), "bash"))


async def test_a_shell_reaches_no_file_and_no_process_of_the_host(
    session: Session, tmp_path: Path, bystander: subprocess.Popen[bytes]
) -> None:
    marker = tmp_path / "marker"
    marker.write_text("hush")
    source = f"""
        cat {marker} /etc/shadow /proc/{bystander.pid}/environ /proc/{os.getpid()}/environ
        echo x > {marker}; rm -f {marker}; ls /root /home
        kill -9 {bystander.pid}; kill -9 {os.getpid()}
        exec 3<>/dev/tcp/127.0.0.1/22"""
    result = await shell(session, source)
    assert result.stdout == ""
    assert "hush" not in result.stderr
    assert marker.read_text() == "hush"
    assert bystander.poll() is None


async def test_what_a_shell_leaves_running_ends_with_its_cell(sandbox: NamespaceSandbox, session: Session) -> None:
    await run(session, "1")
    before = set(descendants())
    source = "trap '' HUP TERM\nsetsid sh -c '(setsid sleep 1000 &); sleep 1000' & \nkill -STOP $PPID $$ 2>/dev/null; echo left"
    await shell(session, source)
    assert not [pid for pid in set(descendants()) - before if _name(pid) in {"sleep", "sh"}]
    assert (await run(session, "print(1)")).stdout == "1\n"


async def test_memory_of_what_has_left_its_shell_is_bounded(session: Session) -> None:
    hog = "x = b'x' * (200 << 20); open('done', 'a'); import time; time.sleep(1000)"
    source = f'for i in 1 2 3 4 5 6; do (setsid python3 -c "{hog}" &); done; while :; do sleep 1; done'
    assert (await shell(session, source)).outcome is Outcome.MEMORY
