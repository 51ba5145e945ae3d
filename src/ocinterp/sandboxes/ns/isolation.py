"""The last walls, put up by a worker around itself after the fork and before it reads a word of model-written code."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from ocinterp.sandboxes.ns import syscalls

_UNTRUSTED = syscalls.MS_NOSUID | syscalls.MS_NODEV


@dataclass(frozen=True, slots=True)
class Walls:
    """What a worker may use up (sizes in bytes), and the seccomp program that binds it."""

    memory_bytes: int
    file_bytes: int
    processes: int
    seccomp: bytes


def mount_session(folder: str, *, size_bytes: int, files: int) -> None:
    """Give a session its own file system of bounded size; the zygote keeps it while workers come and go."""
    Path(folder).mkdir()
    syscalls.mount("session", folder, "tmpfs", _UNTRUSTED, f"size={size_bytes},nr_inodes={files},mode=755")
    for name in ("workspace", "tmp", "shm"):
        Path(folder, name).mkdir(mode=0o700)


def unmount_session(folder: str) -> None:
    """Free a session's file system."""
    syscalls.unmount(folder)
    Path(folder).rmdir()


def enter(folder: str, workspace: str, walls: Walls) -> None:
    """Confine the calling process, which is PID 1 of a fresh PID namespace, to the session in `folder`."""
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS)
    for name, target in (("workspace", workspace), ("tmp", "/tmp"), ("shm", "/dev/shm")):
        syscalls.mount(f"{folder}/{name}", target, flags=syscalls.MS_BIND)
    syscalls.unmount("/run/sessions")  # all sessions' files: unseen, and freed when their session is closed
    syscalls.mount("proc", "/proc", "proc", _UNTRUSTED | syscalls.MS_NOEXEC)
    os.chdir(workspace)
    _enter_own_user_namespace()
    limit(walls)
    syscalls.drop_all_capabilities()
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.set_seccomp_filter(walls.seccomp)


def limit(walls: Walls, *, count_processes: bool = True) -> None:
    """Set the resource limits of the calling process and of all it will start.

    Without a user namespace of its own, all that the person runs would count: then processes are not to be counted.
    """
    count = ((resource.RLIMIT_NPROC, walls.processes),) if count_processes else ()
    for kind, value in (
        *count,
        (resource.RLIMIT_AS, walls.memory_bytes),
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


def _enter_own_user_namespace() -> None:
    """RLIMIT_NPROC is counted per user namespace (Linux 5.14): one of its own keeps sessions out of each other's count."""
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)
