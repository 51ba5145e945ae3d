"""What an interpreter and all that it starts may use together: memory, and processes.

RLIMIT_AS bounds each process alone, so eight children have eight times as much. The whole is bounded by what the
machine lets us use: a delegated control group of version 2, one of version 1 for root, or else a watchdog that adds
up what is resident. Kernel documentation: admin-guide/cgroup-v2, admin-guide/cgroup-v1/memory, filesystems/proc.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Protocol

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import MIB, Resources

_TICK_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")
_numbers = count(1)


class Guard(Protocol):
    """The bound around one process and all that it starts."""

    def breaches(self) -> int:
        """How often something was killed because all of it together used too much memory."""
        ...

    def release(self) -> None:
        """It is no longer needed; its interpreter is dead or dying."""
        ...


class Guards(Protocol):
    """A way to bound totals. `name` and `about` are for people."""

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str: ...

    def around(self, pid: int, resources: Resources, kill: Callable[[], None]) -> Guard:
        """Bound the process `pid`, which has no children yet, and all that it will start; `kill` kills them."""
        ...

    def clear(self) -> None:
        """Remove what guards that were released have left behind."""
        ...


# --- control groups --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Version:
    """The files of a version: what bounds memory (each that is there is written), and where kills are counted."""

    number: int
    memory: tuple[str, ...]
    events: str


_V2 = _Version(2, ("memory.max", "memory.swap.max"), "memory.events")
_V1 = _Version(1, ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), "memory.oom_control")


@dataclass
class Cgroups:
    """Control groups made below `folders`: one for version 2, one each for memory and pids in version 1."""

    version: _Version
    folders: tuple[Path, ...]
    _left: set[Path] = field(default_factory=set[Path], init=False)  # that could not be removed yet

    @property
    def name(self) -> str:
        return f"cgroup v{self.version.number}"

    @property
    def about(self) -> str:
        return f"control groups in {self.folders[0]}"

    def around(self, pid: int, resources: Resources, kill: Callable[[], None]) -> Guard:
        self.clear()
        name = f"ocinterp-{os.getpid()}-{next(_numbers)}"
        made = tuple(folder / name for folder in self.folders)
        try:
            for folder in made:
                folder.mkdir()
                _limit(folder, self.version, resources)
                if pid > 0:  # else it is dead already, and its last words say why
                    with suppress(ProcessLookupError):  # as it may be by now
                        (folder / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            self.remove(made)
            raise SandboxError(f"the total memory of a session could not be bounded: {error}") from error
        return _Cgroup(self, made)

    def clear(self) -> None:
        self.remove(())

    def remove(self, folders: Iterable[Path]) -> None:
        """Remove groups, now or, where something in them still dies, with the next ones."""
        self._left.update(folders)
        for folder in list(self._left):
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                continue
            self._left.discard(folder)


@dataclass
class _Cgroup:
    groups: Cgroups
    folders: tuple[Path, ...]
    _breaches: int = 0  # as they were when it was released

    def breaches(self) -> int:
        with suppress(OSError):
            for line in (self.folders[0] / self.groups.version.events).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return self._breaches

    def release(self) -> None:
        self._breaches = self.breaches()
        self.groups.remove(self.folders)


def _limit(folder: Path, version: _Version, resources: Resources) -> None:
    for name in version.memory:
        if (folder / name).exists():
            (folder / name).write_text("0" if name == "memory.swap.max" else str(resources.memory_bytes))
    if (folder / "pids.max").exists():
        (folder / "pids.max").write_text(str(resources.processes))


def delegated(own: Path, top: Path) -> Cgroups | None:
    """Version 2: the nearest group above `own` (included), up to `top`, that we may make bounded groups in."""
    for folder in (own, *own.parents):
        with suppress(OSError):
            enabled = (folder / "cgroup.subtree_control").read_text().split()
            writable = os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
            if {"memory", "pids"} <= set(enabled) and writable:
                return Cgroups(_V2, (folder,))
        if folder == top:
            break
    return None


def by_controller(memory: Path, pids: Path) -> Cgroups | None:
    """Version 1, as root: below our own groups of the two controllers."""
    if all(os.access(folder, os.W_OK) and (folder / "cgroup.procs").exists() for folder in (memory, pids)):
        return Cgroups(_V1, (memory, pids))
    return None


def groups_of(pid: int | str) -> dict[str, tuple[Path, Path]]:
    """For each controller ("" for version 2) where its tree is mounted, and the group in it that a process is in."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        own = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    except OSError:
        return {}
    places = {
        controller: Path(where)
        for _, where, kind, options, *_ in mounts
        for controller in (options.split(",") if kind == "cgroup" else [""])
        if kind in {"cgroup", "cgroup2"}
    }
    return {name: (places[name], places[name] / own[name].lstrip("/")) for name in places.keys() & own.keys()}


def _candidates() -> Iterator[Cgroups]:
    groups = groups_of("self")
    if "" in groups and (found := delegated(groups[""][1], groups[""][0])):
        yield found
    if {"memory", "pids"} <= groups.keys() and (found := by_controller(groups["memory"][1], groups["pids"][1])):
        yield found


def works(groups: Cgroups) -> bool:
    """Try it for real, on a process of our own; and sweep up after processes that were killed before they could."""
    for folder in (each for place in groups.folders for each in place.glob("ocinterp-*-*")):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            groups.remove([folder])
    with subprocess.Popen(["/bin/sh", "-c", "read _"], stdin=subprocess.PIPE) as process:
        try:
            guard = groups.around(process.pid, Resources(memory_bytes=64 * MIB), process.kill)
        except SandboxError:
            return False
        finally:
            process.kill()
            process.wait()
    guard.release()
    return True


# --- the watchdog ----------------------------------------------------------------------------------------------------


@dataclass
class Watchdog:
    """Adds up, again and again, what a session's processes hold, shared pages shared out (PSS); kills what is too much.

    Between two looks a session may take more than it may, and what it holds in the kernel (pipes, sockets) is not seen.
    """

    name: str = "watchdog"
    about: str = f"no control group is ours to use: memory is added up every {_TICK_SECONDS * 1000:.0f} ms"

    def around(self, pid: int, resources: Resources, kill: Callable[[], None]) -> Guard:
        return _Watch(pid, resources.memory_bytes, kill)

    def clear(self) -> None:
        pass


class _Watch:
    def __init__(self, pid: int, limit: int, kill: Callable[[], None]) -> None:
        self._pid = pid
        self._limit = limit
        self._kill = kill
        self._breaches = 0
        self._task = asyncio.create_task(self._look())

    def breaches(self) -> int:
        return self._breaches

    def release(self) -> None:
        self._task.cancel()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            # A single process is bounded by its own limit; and counting what is shared more than once is cheaper.
            pids = tree(self._pid)
            much = len(pids) > 1 and resident(pids) > self._limit
            if much and await asyncio.to_thread(proportional, pids) > self._limit:
                self._breaches += 1
                self._kill()


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    for pid in found:
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def resident(pids: Iterable[int]) -> int:
    """Bytes in memory, those that processes share counted for each of them."""
    total = 0
    for pid in pids:
        with suppress(OSError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return total


def proportional(pids: Iterable[int]) -> int:
    """Bytes in memory, those that processes share divided among them."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


@cache
def find() -> Guards:
    """The best way that this machine allows, found once."""
    return next((groups for groups in _candidates() if works(groups)), None) or Watchdog()
