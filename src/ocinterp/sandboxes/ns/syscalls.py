"""The few Linux system calls that Python's standard library lacks, through ctypes.

Numbers and flags: linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h. Every function raises OSError.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Callable
from typing import Any

CLONE_PIDFD = 0x00001000
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4

LAST_CAPABILITY = 40  # CAP_CHECKPOINT_RESTORE, Linux 5.9; unknown ones answer EINVAL and are passed over
_CAPABILITY_VERSION_3 = 0x20080522
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_CLONE = {"x86_64": 56, "aarch64": 220}

_libc = ctypes.CDLL(None, use_errno=True)
_holding = ctypes.PyDLL(None, use_errno=True)  # the same without letting other threads run meanwhile
_prctl = _holding.prctl
_prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def call(number: int, *arguments: Any) -> int:
    """A system call by its number; whole numbers, bytes and None (a null pointer) are its arguments."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = _libc.syscall(ctypes.c_long(number), *words)
    _check(result, f"system call {number}")
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` (CLONE_NEW*) name for new ones; a PID namespace takes in the next child."""
    _check(_libc.unshare(flags), f"unshare({flags:#x})")


def cloner(flags: int) -> Callable[[], tuple[int, int]]:
    """fork(2) into the new namespaces that `flags` name, made ready: the child and its pidfd; in the child 0 and -1.

    Neither the C library nor Python hears of it, which saves the child a third of what it costs. So the caller has to
    be one thread, and PID 1 if the child will be, or the child takes itself for another thread than it is. What they
    would do in the child besides is to make locks anew that other threads held, and to shuffle `random`.
    """
    pidfd = ctypes.c_int(-1)
    number, words = ctypes.c_long(_CLONE[os.uname().machine]), ctypes.c_ulong(flags | CLONE_PIDFD | signal.SIGCHLD)
    ask, where = _holding.syscall, ctypes.byref(pidfd)

    def clone() -> tuple[int, int]:
        pid = ask(number, words, None, where, None, None)
        if pid < 0:
            _check(pid, f"clone({flags:#x})")
        return pid, pidfd.value if pid else -1

    return clone


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2); `kind` is the file system's type, empty for a bind mount or a remount."""
    arguments = (
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(_libc.mount(*arguments), f"mount {kind or 'bind'} {source} on {target}")


def unmount(target: str) -> None:
    """Detach `target` and all below it; what is still open there stays usable until it is closed."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and put the old one at `old`."""
    number = _PIVOT_ROOT[os.uname().machine]
    _check(_libc.syscall(ctypes.c_long(number), new.encode(), old.encode()), "pivot_root")


def set_host_name(name: str) -> None:
    """What uname(2) answers in this UTS namespace."""
    _check(_libc.sethostname(name.encode(), len(name)), "sethostname")


def prctl(option: int, argument: int = 0, second: int = 0) -> None:
    """prctl(2) with whole numbers."""
    if _prctl(option, argument, second, 0, 0) < 0:
        _check(-1, f"prctl({option})")


def set_seccomp_filter(program: bytes) -> None:
    """Install a classic BPF program (struct sock_filter[], 8 bytes each) on the calling thread and its children."""
    descriptor = struct.pack(
        "HxxxxxxP", len(program) // 8, ctypes.cast(ctypes.c_char_p(program), ctypes.c_void_p).value
    )
    _check(_libc.prctl(22, 2, ctypes.c_char_p(descriptor), 0, 0), "prctl(PR_SET_SECCOMP)")


def set_capabilities(mask: int) -> None:
    """Make effective, permitted and inheritable capabilities exactly `mask`."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, struct.pack("6I", low, low, low, high, high, high)), "capset")


def keep_capabilities_over_exec(mask: int) -> None:
    """Put `mask` into the ambient set, so that a user other than 0 keeps it when it executes a program."""
    set_capabilities(mask)
    for number in range(LAST_CAPABILITY + 1):
        if mask >> number & 1:
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number)


def bound_capabilities() -> None:
    """Let nothing gain a capability from here on; those that are held stay. A new user namespace undoes it."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(LAST_CAPABILITY + 1):
        _prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
