"""What holds in the `ns` tier alone: the walls."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError, UsageError
from ocinterp.protocols import Session
from ocinterp.sandboxes import toolchains
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import seccomp
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants, ended
from ocinterp.types import Cell, ExecutionResult, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Session]]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def tier(namespaces: None) -> str:
    return "ns"


async def run(session: Session, source: str) -> ExecutionResult:
    return await session.run(Cell("cell", textwrap.dedent(source)))


async def printed(session: Session, source: str) -> str:
    result = await run(session, source)
    assert result.ok, result
    return result.stdout.strip()


def count(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


async def test_nothing_of_the_host_is_there(session: Session) -> None:
    assert (
        await printed(session, "import os; print([p for p in ('/root', '/home', '/sys', '/var') if os.path.exists(p)])")
        == "[]"
    )
    there = (await printed(session, "print(*os.listdir('/etc'))")).split()
    tools = {Path(folder).name for folder in toolchains.settings()}
    assert sorted(set(there) - tools) == ["fonts", "group", "hosts", "passwd"]
    assert await printed(session, "print(os.listdir('/run'), os.listdir('/run/sessions'))") == "['sessions'] []"
    assert await printed(session, "print(os.getcwd(), os.getuid(), os.getgid())") == "/workspace 1000 1000"
    names = "import sys, platform; print(platform.node(), sys.orig_argv, open('/proc/self/cmdline').read())"
    told = await printed(session, names)
    assert told.startswith("sandbox ")
    assert not {place for place in (sys.prefix, str(Path.home()), str(Path(seccomp.__file__).parent)) if place in told}


async def test_only_the_sessions_own_folders_can_be_written(session: Session) -> None:
    source = """
        for line in open("/proc/self/mountinfo"):
            place, options = line.split()[4:6]
            if options.startswith("rw"):
                print(place)
        """
    assert set((await printed(session, source)).split()) == {"/dev/shm", "/proc", "/tmp", "/workspace"}
    for place in ("/x", "/etc/x", "/opt/x", "/usr/x", "/dev/x", "/proc/x", "/run/sessions/x"):
        assert (await run(session, f"open({place!r}, 'w')")).outcome is Outcome.ERROR


async def test_the_environment_holds_nothing_of_the_hosts(monkeypatch: pytest.MonkeyPatch, limited: Open) -> None:
    monkeypatch.setenv("OCINTERP_TEST_SECRET", "hush")
    async with limited() as session:
        inside = await printed(session, "import os; print(*sorted(os.environ))")
        assert "hush" not in await printed(
            session, "print(open('/proc/1/environ', errors='replace').read(), os.environ)"
        )
    allowed = {"HOME", "LANG", "TMPDIR", "USER", "PATH", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "MPLBACKEND"}
    allowed |= {name for name in inside.split() if name.startswith("PYTHON") or name.endswith("_NUM_THREADS")}
    assert set(inside.split()) <= allowed


async def test_there_is_no_network(session: Session) -> None:
    source = """
        import socket
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
            try:
                socket.socket(family)
            except PermissionError:
                print("refused")
        one, other = socket.socketpair()
        one.send(b"x")
        print(other.recv(1))
        print(len(open("/proc/net/route").readlines()), [line.split(":")[0].strip() for line in open("/proc/net/dev")][2:])
        """
    lines = (await printed(session, source)).splitlines()
    assert lines[:5] == ["refused"] * 4 + ["b'x'"]
    assert lines[5] in {"0 ['lo']", "1 ['lo']"}  # a heading at most


async def test_a_session_sees_no_processes_but_its_own(sandbox: NamespaceSandbox) -> None:
    async with sandbox.open() as one, sandbox.open() as other:
        await run(other, "x = 1")
        seen = "import os; print(os.getpid(), [name for name in os.listdir('/proc') if name.isdigit()])"
        assert await printed(one, seen) == "1 ['1']"


async def test_dangerous_system_calls_are_refused(session: Session) -> None:
    column = 0 if os.uname().machine == "x86_64" else 1
    numbers = {name: pair[column] for name, pair in seccomp.DENIED.items() if pair[column] is not None}
    source = f"""
        import ctypes, errno
        libc = ctypes.CDLL(None, use_errno=True)
        for name, number in {numbers!r}.items():
            result = libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0)
            if (result, ctypes.get_errno()) != (-1, errno.EPERM):
                print(name, result, ctypes.get_errno())
        print(libc.syscall(435, 0, 0), errno.errorcode[ctypes.get_errno()])
        print(libc.syscall({56 if column == 0 else 220}, 0x10000011, 0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])
        """
    assert await printed(session, source) == "-1 ENOSYS\n-1 EPERM"


async def test_no_capabilities_are_left(session: Session) -> None:
    source = """
        status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
        print({int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")})
        print(status["NoNewPrivs"], status["Seccomp"])
        """
    assert await printed(session, source) == "{0}\n1 2"


async def test_no_descriptors_leak_in(session: Session) -> None:
    source = """
        import os
        folder = "/proc/self/fd"
        print(sorted(int(name) for name in os.listdir(folder) if os.path.exists(f"{folder}/{name}")))
        import subprocess
        print(subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True).stdout.split())
        """
    assert await printed(session, source) == "[0, 1, 2, 3]\n['0', '1', '2', '3']"


async def test_a_fork_bomb_is_bounded_and_harms_no_other_session() -> None:
    bomb = """
        import os, time
        count = 0
        while True:
            if os.fork() == 0:
                time.sleep(60)
            count += 1
        """
    async with NamespaceSandbox(Resources(processes=20)) as sandbox, sandbox.open() as one, sandbox.open() as other:
        result = await run(one, bomb)
        assert result.error is not None
        assert result.error.name == "BlockingIOError"
        assert int(await printed(one, "print(count)")) < 20
        assert await printed(other, "import os\nif os.fork() == 0: os._exit(0)\nprint(os.wait()[1])") == "0"


async def test_all_files_of_a_session_are_bounded_together(limited: Open) -> None:
    async with limited(disk_bytes=2 * MIB) as session:
        await run(session, "open('/tmp/a', 'wb').write(b'x' * 1_500_000);")
        for place in ("/dev/shm/b", "b"):
            result = await run(session, f"with open({place!r}, 'wb') as f: f.write(b'x' * 1_000_000)")
            assert result.error is not None
            assert "No space left" in result.error.message
        assert await printed(session, "import os; os.remove('/tmp/a'); print(open('b', 'wb').write(b'x' * 1_000_000))")


async def test_a_full_disk_is_the_persons_error_and_the_session_goes_on(limited: Open) -> None:
    async with limited(disk_bytes=MIB) as session:
        with pytest.raises(UsageError, match="does not fit"):
            await session.put("big", b"x" * 2 * MIB)
        assert (await run(session, "1")).ok


async def test_two_hundred_sessions_leave_nothing_behind() -> None:
    before = set(descendants())
    async with NamespaceSandbox() as sandbox:
        await sandbox.ready()
        async with sandbox.open() as session:
            await run(session, "1")
        processes = [pid for pid in descendants() if pid not in before]
        _, zygote = processes
        mounts, descriptors = Path(f"/proc/{zygote}/mountinfo").read_text(), count("/proc/self/fd")
        zygotes = count(f"/proc/{zygote}/fd")
        for number in range(200):
            async with sandbox.open() as session:
                source = "import os; os._exit(1)" if number % 10 == 0 else "x = 1"
                assert (await run(session, source)).outcome in {Outcome.OK, Outcome.KILLED}
        assert set(descendants()) - before == set(processes)
        assert Path(f"/proc/{zygote}/mountinfo").read_text() == mounts
        assert count("/proc/self/fd") == descriptors
        assert count(f"/proc/{zygote}/fd") == zygotes
    assert ended(processes)


async def test_a_dead_zygote_is_the_sandboxs_failure_and_never_a_result() -> None:
    before = set(descendants())
    async with NamespaceSandbox() as sandbox:
        await sandbox.ready()
        _, zygote = (pid for pid in descendants() if pid not in before)
        await use_beyond_the_end_of(sandbox, zygote)
        async with sandbox.open() as session:  # another zygote has taken its place
            assert (await session.run(Cell("c", "print(1)"))).stdout == "1\n"


async def use_beyond_the_end_of(sandbox: NamespaceSandbox, zygote: int) -> None:
    async with sandbox.open() as session:
        going = asyncio.Event()
        cell = Cell("c", "print('go')\nwhile True: pass")
        task = asyncio.create_task(session.run(cell, on_output=lambda _: going.set()))
        await going.wait()
        os.kill(zygote, 9)
        with pytest.raises(SandboxError, match="zygote"):
            await task
        with pytest.raises(SandboxError, match="zygote"):
            await run(session, "1")
