"""What the attacks share: the limits they run into, the tools they bring along, and what is looked at afterwards."""

from __future__ import annotations

import textwrap
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants
from ocinterp.types import Cell, ExecutionResult, Failure, Outcome

LIMITS = Resources(
    timeout_seconds=1.5,
    grace_seconds=0.05,
    memory_bytes=512 * MIB,
    disk_bytes=8 * MIB,
    files=200,
    processes=24,
    output_bytes=MIB // 4,
    display_bytes=MIB,
    file_bytes=4 * MIB,
)

# What every attack may use: `denied(act)` prints how the system refuses it, `call(number)` makes a raw system call.
_TOOLS = """
import ctypes as _ctypes, errno as _errno, os as _os
_libc = _ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    _ctypes.set_errno(0)
    words = [_ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = _libc.syscall(_ctypes.c_long(number), *words)
    return _errno.errorcode[_ctypes.get_errno()] if result < 0 else result
def denied(act, *arguments):
    try:
        print("done", act(*arguments))
    except OSError as error:
        print(_errno.errorcode.get(error.errno, error))
"""


@dataclass
class Target:
    """A service that is attacked, and what it looked like before."""

    sandbox: NamespaceSandbox
    before: set[int]  # the processes that do not belong to it
    seen: dict[str, object] = field(default_factory=dict[str, object])

    def look(self) -> dict[str, object]:
        """Everything that an attack might leave behind on the host."""
        zygote = max(set(descendants()) - self.before)
        return {
            "processes": sorted(set(descendants()) - self.before),
            "mounts": _readable(Path(f"/proc/{zygote}/mountinfo")),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "shared memory": {name: _readable(Path("/proc/sysvipc", name)) for name in ("shm", "sem", "msg")},
            "files": [sorted(each.name for each in Path(place).iterdir()) for place in ("/dev/shm", "/dev/mqueue") if Path(place).is_dir()],
        }  # fmt: skip


def _readable(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


class Attack:
    """One session of the target, in hostile hands."""

    def __init__(self, target: Target, session: Session, stack: AsyncExitStack) -> None:
        self.target = target
        self.session = session
        self._stack = stack
        self._count = 0

    async def __call__(self, source: str) -> ExecutionResult:
        """Run the attack. It must end in a result: an exception here is a hole already."""
        self._count += 1
        return await self.session.run(Cell(f"attack{self._count}", _TOOLS + textwrap.dedent(source)))

    async def says(self, source: str) -> list[str]:
        """The words that an attack which ends well has printed."""
        result = await self(source)
        assert result.outcome is Outcome.OK, result
        return result.stdout.split()

    async def expect(self, source: str, outcome: Outcome, name: str = "") -> Failure:
        """The attack ends as it should: with this outcome, and this class of error, whose details are returned."""
        result = await self(source)
        assert result.outcome is outcome, result
        assert result.error is not None
        assert name in {"", result.error.name}, result.error
        return result.error

    async def another(self) -> Session:
        """A second session of the same service."""
        return await self._stack.enter_async_context(self.target.sandbox.open())


async def do_honest_work(sandbox: NamespaceSandbox) -> None:
    """A job that uses what an attack may have spoilt: modules, builtins, files, processes, randomness, the loop."""
    source = """
import asyncio, json, math, os, random, re, subprocess, sys, threading
assert os.listdir() == os.listdir("/tmp") == os.listdir("/dev/shm") == [], "files of somebody else"
open("own", "w").write("kept")
thread = threading.Thread(target=lambda: print("thread"))
thread.start(); thread.join()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
print(asyncio.run(asyncio.sleep(0, "loop")), json.dumps([math.sqrt(16), len({random.random() for _ in range(9)})]))
print(sum(range(10**5)), re.sub("a+", "b", "caat"), sys.getrecursionlimit(), os.getpid())
"""
    async with sandbox.open() as session:
        result = await session.run(Cell("honest", source))
        assert result.stdout == "thread\nchild\nloop [4.0, 9]\n4999950000 cbt 1000 1\n", result
        assert result.ok
        assert await session.get("own") == b"kept"
