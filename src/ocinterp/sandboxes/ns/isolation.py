"""How the zygote keeps its sessions apart: what it makes for each, and the walls a worker puts up around itself.

Those stand after the fork and before the worker reads a word of model-written code. One class a kind: fresh namespaces;
Landlock, where those are refused; nothing. Inside bubblewrap and containers it is Landlock too, behind their own walls.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ocinterp.sandboxes.ns import keeper, landlock, seccomp, syscalls

_UNTRUSTED = syscalls.MS_NOSUID | syscalls.MS_NODEV


@dataclass(frozen=True, slots=True)
class Walls:
    """What a worker may use up; sizes in bytes, `cpu_seconds` of each process and 0 for no end.

    `reserving`: its programs reserve address space that they never use (V8, Java, Go). Then what bounds each process is
    not its address space but the memory of its own that it may write to, shared memory not included.
    """

    memory_bytes: int
    file_bytes: int
    processes: int
    reserving: bool = False
    cpu_seconds: int = 0


class Isolation(Protocol):
    """A way to keep sessions apart. `folder` holds one session's `workspace`."""

    def open(self, folder: str, *, size_bytes: int, files: int) -> None:
        """Make room for a session."""
        ...

    def close(self, folder: str) -> None:
        """Free it; its workers are gone."""
        ...

    def fork(self) -> tuple[int, int]:
        """As os.fork: the process to wait for, and a pidfd of the child. In the child: 0 and -1."""
        ...

    def enter(self, folder: str, walls: Walls) -> None:
        """In the child: confine it to the session, for good."""
        ...

    def enter_once(self, folder: str, walls: Walls, *, size_bytes: int, files: int) -> None:
        """As `enter`, for a job: nothing was opened for it, and what it writes goes with it."""
        ...

    def tidy(self, workers: set[int]) -> None:
        """In the zygote, when a worker has ended: whatever it left running ends too. `workers` live."""
        ...

    def forget(self, folder: str) -> None:
        """In the zygote, when a job has ended: free what it wrote."""
        ...

    def end(self, sessions: str) -> None:
        """Take everything down; `sessions` is the folder that all sessions' folders are in."""
        ...


def chosen(plan: dict[str, Any]) -> Isolation:
    """The kind that a plan (layout.py) asks for."""
    match plan["isolation"]:
        case "namespaces":
            return Namespaces(plan["workspace"], network=plan["network"], local_sockets=plan["worker"] == "bridge")
        case "landlock":
            return Landlock(plan["reach"], network=plan["network"])
        case "walled":
            return Walled(plan["reach"], network=plan["network"], counted=plan.get("counted", True))
        case _:
            return Bare()


class Namespaces:
    """Each worker is PID 1 of namespaces of its own; each session has a file system of its own, in memory.

    With `local_sockets` each has a network of its own too; else they share an empty one, which is cheaper.
    """

    def __init__(self, workspace: str, *, network: bool, local_sockets: bool) -> None:
        self._workspace = workspace
        self._filter = seccomp.assemble(network=network, local_sockets=local_sockets)
        uid, gid = os.getuid(), os.getgid()
        maps = {"setgroups": "deny", "uid_map": f"{uid} {uid} 1", "gid_map": f"{gid} {gid} 1"}
        self._maps = [(f"/proc/self/{name}", text.encode()) for name, text in maps.items()]
        fresh = syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
        syscalls.bound_capabilities()
        self._clone = syscalls.cloner(fresh | (syscalls.CLONE_NEWNET if local_sockets else 0))

    def open(self, folder: str, *, size_bytes: int, files: int) -> None:
        """A file system of bounded size; the zygote keeps it while workers come and go."""
        os.mkdir(folder)  # noqa: PTH102  a Path costs the zygote, and after it each fork, more than the system call
        syscalls.mount("session", folder, "tmpfs", _UNTRUSTED, f"size={size_bytes},nr_inodes={files},mode=755")
        _make_folders(folder, ("workspace", "tmp", "shm"))

    def close(self, folder: str) -> None:
        syscalls.unmount(folder)
        os.rmdir(folder)  # noqa: PTH106

    def fork(self) -> tuple[int, int]:
        return self._clone()

    def enter(self, folder: str, walls: Walls) -> None:
        for name, target in (("workspace", self._workspace), ("tmp", "/tmp"), ("shm", "/dev/shm")):
            syscalls.mount(f"{folder}/{name}", target, flags=syscalls.MS_BIND)
        self._hide()
        _enter_own_user_namespace(self._maps)
        limit(walls)
        _give_up_rights(self._filter)

    def enter_once(self, folder: str, walls: Walls, *, size_bytes: int, files: int) -> None:
        syscalls.mount("job", "/tmp", "tmpfs", _UNTRUSTED, f"size={size_bytes},nr_inodes={files},mode=755")
        for name, target in (("workspace", self._workspace), ("shm", "/dev/shm")):
            os.mkdir(f"/tmp/{name}", 0o700)  # noqa: PTH102
            syscalls.mount(f"/tmp/{name}", target, flags=syscalls.MS_BIND)
        self._hide()
        limit(walls)
        syscalls.set_capabilities(0)  # the zygote has emptied the bounding set
        _allow_no_more(self._filter)

    def _hide(self) -> None:
        syscalls.unmount("/run/sessions")  # all sessions' files: unseen, and freed when their session is closed
        syscalls.mount("proc", "/proc", "proc", _UNTRUSTED | syscalls.MS_NOEXEC)
        os.chdir(self._workspace)

    def tidy(self, workers: set[int]) -> None:
        """Nothing to do: the PID namespace took all of it along."""

    def forget(self, folder: str) -> None:
        """Nothing to do: the mount namespace took it along."""

    def end(self, sessions: str) -> None:
        """Nothing to do: the zygote is PID 1."""


class Bare:
    """No isolation at all: the host's own tree, processes and network. Only limits hold, and nothing stays behind."""

    folders: tuple[str, ...] = ("workspace", "tmp")

    def __init__(self) -> None:
        keeper.protect()

    def open(self, folder: str, *, size_bytes: int, files: int) -> None:
        Path(folder).mkdir()
        _make_folders(folder, self.folders)

    def close(self, folder: str) -> None:
        _remove(folder)

    def fork(self) -> tuple[int, int]:
        return keeper.fork()

    def enter(self, folder: str, walls: Walls) -> None:
        os.chdir(f"{folder}/workspace")
        os.environ.update(TMPDIR=f"{folder}/tmp")
        limit(walls, count_processes=False)

    def enter_once(self, folder: str, walls: Walls, *, size_bytes: int, files: int) -> None:
        self.open(folder, size_bytes=size_bytes, files=files)
        self.enter(folder, walls)

    def tidy(self, workers: set[int]) -> None:
        keeper.end_strangers(workers)

    def forget(self, folder: str) -> None:
        self.close(folder)

    def end(self, sessions: str) -> None:
        keeper.end_strangers(set())
        for folder in Path(sessions).iterdir():
            self.close(str(folder))


class Landlock(Bare):
    """No namespaces: Landlock bounds what files can be reached, seccomp the rest, a keeper what outlives its worker.

    `reach` says what may be run, looked at, used and owned beside the session's own folders.
    """

    among_the_persons = True  # files and processes; else those of the zygote alone
    counts_processes = False  # the kernel counts by user

    def __init__(self, reach: dict[str, list[str]], *, network: bool) -> None:
        super().__init__()
        self._reach = reach
        self._network = network
        self._abi = landlock.abi()
        if not self._abi and self.among_the_persons:
            raise OSError("this kernel has no Landlock (Linux 5.13 or later, switched on)")
        shared = seccomp.Shared(
            processes=True,
            signals=self.among_the_persons and self._abi < landlock.SCOPED,
            files=self.among_the_persons,
        )
        self._filter = seccomp.assemble(network=network, shared=shared)

    def enter(self, folder: str, walls: Walls) -> None:
        os.chdir(f"{folder}/workspace")
        own = [os.path.realpath(f"{folder}/{name}") for name in self.folders]
        os.environ.update(HOME=own[0], TMPDIR=own[1])
        limit(walls, count_processes=self.counts_processes)
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        if self._abi:
            reach = self._reach | {"own": [*self._reach.get("own", ()), *own]}
            landlock.restrict(landlock.Reach(**reach), network=self._network)
        _give_up_rights(self._filter)


class Walled(Landlock):
    """Behind bubblewrap's or a container's walls: one session in all, whose folders are /workspace and /tmp.

    `counted`: no other process is the same user's, so the kernel's count, which is by user, may be bounded.
    """

    among_the_persons = False

    def __init__(self, reach: dict[str, list[str]], *, network: bool, counted: bool) -> None:
        super().__init__(reach, network=network)
        self.counts_processes = counted

    def open(self, folder: str, *, size_bytes: int, files: int) -> None:
        """The folders are there; what is around them bounds their size."""

    def close(self, folder: str) -> None:
        """Nothing to do: all of it goes with the walls."""

    def end(self, sessions: str) -> None:
        keeper.end_strangers(set())


def limit(walls: Walls, *, count_processes: bool = True) -> None:
    """Set the resource limits of the calling process and of all it will start.

    Without a user namespace of its own, all that the person runs would count: then processes are not to be counted.
    """
    bounds = ((resource.RLIMIT_NPROC, walls.processes),) if count_processes else ()
    bounds += ((resource.RLIMIT_CPU, walls.cpu_seconds),) if walls.cpu_seconds else ()
    for kind, value in (
        *bounds,
        (resource.RLIMIT_DATA if walls.reserving else resource.RLIMIT_AS, walls.memory_bytes),
        (resource.RLIMIT_FSIZE, walls.file_bytes),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 1024),  # timers count too
    ):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _give_up_rights(program: bytes) -> None:
    syscalls.bound_capabilities()
    syscalls.set_capabilities(0)
    _allow_no_more(program)


def _allow_no_more(program: bytes) -> None:
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.set_seccomp_filter(program)


def _make_folders(folder: str, names: tuple[str, ...]) -> None:
    for name in names:
        with suppress(FileExistsError):
            os.mkdir(f"{folder}/{name}", 0o700)  # noqa: PTH102


def _remove(folder: str) -> None:
    """A program may have taken the right to look into its folders from everybody, itself included."""

    def give_back(act: Any, path: str, _: BaseException | tuple[Any, ...]) -> None:
        try:
            Path(path).parent.chmod(0o700)
            if not Path(path).is_symlink():
                Path(path).chmod(0o700)
            act(path)
        except OSError:
            pass  # what is left is in the sandbox's own folder, which the host removes at the end

    shutil.rmtree(folder, onerror=give_back)


def _enter_own_user_namespace(maps: Sequence[tuple[str, bytes]]) -> None:
    """RLIMIT_NPROC is counted per user namespace (Linux 5.14): one of its own keeps sessions out of each other's count.

    Jobs do without, which saves each of them half a millisecond; those of one zygote share a count.
    """
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, text in maps:
        fd = os.open(name, os.O_WRONLY)
        os.write(fd, text)
        os.close(fd)
