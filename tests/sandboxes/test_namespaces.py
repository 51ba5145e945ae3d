"""What holds in the `ns` tier alone: the walls."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError
from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import seccomp
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell, ExecutionResult, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Session]]
MIB = 1024 * 1024
SOURCES = Path(__file__).parents[2] / "src"
EXIT_SECONDS = 20  # only where something hangs


@pytest.fixture(scope="module")
def tier(namespaces: None) -> str:
    return "ns"


async def run(session: Session, source: str) -> ExecutionResult:
    return await session.run(Cell("cell", textwrap.dedent(source)))


async def printed(session: Session, source: str) -> str:
    result = await run(session, source)
    assert result.ok, result
    return result.stdout.strip()


def descendants(pid: int | str = "self") -> list[int]:
    """All processes below one, on the host; nearest first."""
    children: list[int] = []
    for table in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, table.read_text().split())
    return children + [each for child in children for each in descendants(child)]


def ended(pids: Iterable[int]) -> bool:
    """Wait for processes that are being killed; False where one lives on."""
    handles: list[int] = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    try:
        return all(select.select([handle], [], [], EXIT_SECONDS)[0] for handle in handles)
    finally:
        for handle in handles:
            os.close(handle)


async def test_nothing_of_the_host_is_there(session: Session) -> None:
    assert (
        await printed(session, "import os; print([p for p in ('/root', '/home', '/sys', '/var') if os.path.exists(p)])")
        == "[]"
    )
    assert await printed(session, "print(sorted(os.listdir('/etc')))") == "['fonts', 'group', 'hosts', 'passwd']"
    assert await printed(session, "print(os.listdir('/run'), os.listdir('/run/sessions'))") == "['sessions'] []"
    assert await printed(session, "print(os.getcwd(), os.getuid(), os.getgid())") == "/workspace 1000 1000"


async def test_only_the_sessions_own_folders_can_be_written(session: Session) -> None:
    source = """
        import os, sys
        written = []
        for folder, folders, files in os.walk("/"):
            if folder.startswith("/proc"):
                folders.clear()
            elif os.access(folder, os.W_OK):
                written.append(folder)
        print(sorted(written))
        try:
            open(os.__file__, "a")
        except OSError as error:
            print(error.strerror)
        """
    assert await printed(session, source) == "['/dev/shm', '/tmp', '/workspace']\nRead-only file system"


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
    assert lines[5].startswith("1 ['lo'")


async def test_sessions_cannot_talk_over_abstract_names(session: Session) -> None:
    result = await run(session, "import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)")
    assert result.error is not None
    assert result.error.name == "PermissionError"


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
        folder = os.open("/proc/self/fd", os.O_RDONLY)
        print(sorted(int(name) for name in os.listdir(folder) if int(name) != folder))
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
        with pytest.raises(Exception, match="does not fit"):
            await session.put("big", b"x" * 2 * MIB)
        assert (await run(session, "1")).ok


async def test_a_daemon_dies_with_its_session(sandbox: NamespaceSandbox) -> None:
    daemon = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 3)
                time.sleep(600)
            os._exit(0)
        os.wait()
        """
    before = set(descendants())
    async with sandbox.open() as session:
        assert (await run(session, daemon)).ok
        inside = set(descendants()) - before
        assert len(inside) == 2
    assert ended(inside)


async def test_two_hundred_sessions_leave_nothing_behind() -> None:
    async with NamespaceSandbox() as sandbox:
        await sandbox.ready()
        async with sandbox.open() as session:
            await run(session, "1")
        processes = descendants()
        zygote = max(processes)
        mounts, descriptors = Path(f"/proc/{zygote}/mountinfo").read_text(), len(os.listdir("/proc/self/fd"))
        zygotes = len(os.listdir(f"/proc/{zygote}/fd"))
        for number in range(200):
            async with sandbox.open() as session:
                source = "import os; os._exit(1)" if number % 10 == 0 else "x = 1"
                assert (await run(session, source)).outcome in {Outcome.OK, Outcome.KILLED}
        assert descendants() == processes
        assert Path(f"/proc/{zygote}/mountinfo").read_text() == mounts
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert len(os.listdir(f"/proc/{zygote}/fd")) == zygotes
    assert ended(processes)


async def test_a_dead_zygote_is_the_sandboxs_failure_and_never_a_result() -> None:
    async with NamespaceSandbox() as sandbox:
        await sandbox.ready()
        before = set(descendants())
        with pytest.raises(SandboxError):
            async with sandbox.open() as session:
                going = asyncio.Event()
                cell = Cell("c", "print('go')\nwhile True: pass")
                task = asyncio.create_task(session.run(cell, on_output=lambda _: going.set()))
                await going.wait()
                os.kill(max(before), 9)
                with pytest.raises(SandboxError, match="zygote"):
                    await task
                await run(session, "1")


def started_host(
    script: str, *, python: str = sys.executable, wrap: tuple[str, ...] = (), path: Path = SOURCES
) -> subprocess.Popen[str]:
    """A host process of its own, which runs the body of an async function."""
    body = textwrap.indent(textwrap.dedent(script), "    ")
    program = f"""\
import asyncio, json, os, sys
sys.path.insert(0, {str(path)!r})
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell
async def main():
{body}
asyncio.run(main())
"""
    return subprocess.Popen([*wrap, python, "-c", program], stdout=subprocess.PIPE, text=True, cwd="/")


def test_killing_the_host_leaves_no_process_behind(tier: str) -> None:
    script = """
        async with NamespaceSandbox() as sandbox, sandbox.open() as session:
            busy = Cell("c", "import subprocess\\nsubprocess.Popen(['sleep', '600'])\\nprint('go')\\nwhile True: pass")
            await session.run(busy, on_output=lambda _: print("go", flush=True))
        """
    with started_host(script) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "go\n"
        tree = descendants(host.pid)
        assert len(tree) == 4  # launcher, zygote, worker, sleep
        host.kill()
        assert ended(tree)


@pytest.fixture
def readable_sources() -> Iterator[Path]:
    """A copy of the package that any user may read; the sandbox needs the standard library only."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(SOURCES / "ocinterp", Path(folder, "ocinterp"), ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        yield Path(folder)


def test_the_walls_stand_for_an_ordinary_user_too(tier: str, readable_sources: Path) -> None:
    if os.getuid():
        pytest.skip("the whole suite runs as an ordinary user already")
    wrap = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv to become another user with")
    python = next((each for each in (sys.executable, "/usr/bin/python3") if _runs(wrap, each)), None)
    if python is None:
        pytest.skip("no Python 3.11 or later is readable by other users")
    script = """
        async with NamespaceSandbox(Resources(timeout_seconds=0.5, processes=20)) as sandbox:
            async with sandbox.open() as session, sandbox.open() as other:
                for number, source in enumerate([
                    "x = 41; open('kept', 'w').write('here');",
                    "print(x + 1)",
                    "while True: pass",
                    "print(x)",
                    "import os; os._exit(3)",
                    "print(open('kept').read())",
                    "import socket; socket.socket()",
                    "import os, time\\nfor _ in range(100):\\n    if os.fork() == 0: time.sleep(60)",
                    "print(os.getuid(), os.path.exists('/root'), os.listdir('/run/sessions'))",
                ]):
                    result = await session.run(Cell(str(number), source))
                    print(json.dumps([result.outcome, result.stdout, result.error and result.error.name]))
                print(json.dumps((await session.get("kept")).decode()))
                await session.put("new", b"x")
                print(json.dumps([each.name for each in await session.files()]))
        """
    with started_host(script, python=python, wrap=wrap, path=readable_sources) as host:
        assert host.stdout is not None
        said = [json.loads(line) for line in host.stdout]
    assert host.returncode == 0
    assert said == [
        ["ok", "", None],
        ["ok", "42\n", None],
        ["timeout", "", "Timeout"],
        ["ok", "41\n", None],
        ["killed", "", "Killed"],
        ["ok", "here\n", None],
        ["error", "", "PermissionError"],
        ["error", "", "BlockingIOError"],
        ["ok", "1000 False []\n", None],
        "here",
        ["kept", "new"],
    ]


def _runs(wrap: tuple[str, ...], python: str) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([*wrap, python, "-c", check], capture_output=True, cwd="/", check=False).returncode == 0
