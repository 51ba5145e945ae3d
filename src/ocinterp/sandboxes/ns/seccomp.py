"""A system-call filter for model-written code: what it may not ask the kernel for.

A deny list in classic BPF (linux/filter.h, linux/seccomp.h), assembled by hand so that nothing has to be installed.
Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. Denied calls answer EPERM,
clone3 and the x32 ABI answer ENOSYS (glibc then falls back to clone, whose flags can be looked at).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass

_LOAD, _AND, _JEQ, _JGE, _JSET, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENT_0 = 0, 4, 16  # offsets in struct seccomp_data; low words, little endian
_X32_BIT = 0x40000000
_NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86-64, aarch64); None where the architecture has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "syslog": (103, 116),
    "lookup_dcookie": (212, 18),
    "vhangup": (153, 58),
    "fanotify_init": (300, 262),
    "shmget": (29, 194),  # System V memory and queues are bounded by nothing of a session's
    "msgget": (68, 186),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "personality": (135, 92),
    "move_pages": (279, 239),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "vmsplice": (278, 75),
}
# Where a session has no namespaces of its own, what it could do to the person's other processes ...
SHARED_PROCESSES: dict[str, tuple[int | None, int | None]] = {
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "semget": (64, 190),
    "semctl": (66, 191),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgctl": (71, 187),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}
# ... but to itself, which the first argument, a process id, must name as 0.
OTHERS: dict[str, tuple[int | None, int | None]] = {
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
# ... by signals, where the kernel does not keep those inside,
SIGNALS: dict[str, tuple[int | None, int | None]] = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
# ... and to the person's files by what Landlock does not cover. Common programs (shutil.copy, tar) take a refusal of
# the first ones for a failure: they are answered with success, and do nothing.
NUMB: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
SHARED_FILES: dict[str, tuple[int | None, int | None]] = {
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "inotify_add_watch": (254, 27),
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_SOCKETPAIR = {"x86_64": 53, "aarch64": 199}
_IOCTL = {"x86_64": 16, "aarch64": 29}
_SOCKET = {"x86_64": 41, "aarch64": 198}


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _deny(number: int = errno.EPERM) -> bytes:
    return _instruction(_RETURN, 0x00050000 | number)


def _when_call(number: int, body: list[bytes]) -> list[bytes]:
    """Run `body`, which ends in a return, for one system call; the accumulator holds the number before and after."""
    return [_instruction(_JEQ, number, 0, len(body)), *body]


@dataclass(frozen=True, slots=True)
class Shared:
    """What a session shares with others, for want of namespaces, and so must not touch."""

    processes: bool = False
    signals: bool = False  # nothing else keeps them inside
    files: bool = False


def assemble(
    machine: str = "", *, network: bool = False, local_sockets: bool = False, shared: Shared = Shared()
) -> bytes:
    """The filter for `machine` (as in uname -m; default: this one). Raises KeyError for one without a table.

    With `local_sockets` streams between processes of one machine are let through: the caller must have a network
    namespace of its own, for that is what bounds their abstract names.
    """
    machine = machine or os.uname().machine
    program = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_JEQ, AUDIT_ARCH[machine], 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [_instruction(_JGE, _X32_BIT, 0, 1), _deny(errno.ENOSYS)]
    sockets = network or local_sockets
    answers = {errno.EPERM: {name: each for name, each in DENIED.items() if not (sockets and name == "socket")}}
    answers[errno.EPERM] |= _denied_where(shared)
    answers[0] = NUMB if shared.files else {}
    column = 0 if machine == "x86_64" else 1
    for answer, table in answers.items():
        for number in (numbers[column] for numbers in table.values()):
            if number is not None:
                program += _when_call(number, [_deny(answer)])
    program += _when_call(_CLONE3, [_deny(errno.ENOSYS)])
    program += _when_call(_CLONE[machine], _unless(_instruction(_JSET, _NAMESPACE_FLAGS, 0, 1)))
    program += _when_call(_SOCKETPAIR[machine], _pairs_of_streams())
    if network:
        program += _when_call(_SOCKET[machine], _internet_alone())
    elif local_sockets:
        program += _when_call(_SOCKET[machine], _pairs_of_streams())
    if shared.processes:
        for numbers in OTHERS.values():
            program += _when_call(numbers[column] or 0, _unless(_instruction(_JEQ, 0, 1, 0)))
    program += _when_call(_IOCTL[machine], _terminal_injection())
    return b"".join([*program, _instruction(_RETURN, _ALLOW)])


def _denied_where(shared: Shared) -> dict[str, tuple[int | None, int | None]]:
    tables = ((shared.processes, SHARED_PROCESSES), (shared.signals, SIGNALS), (shared.files, SHARED_FILES))
    return {name: numbers for applies, table in tables if applies for name, numbers in table.items()}


def _unless(test: bytes) -> list[bytes]:
    """Deny by the low word of the first argument: `test` jumps over the denial where the call is harmless."""
    return [_instruction(_LOAD, _ARGUMENT_0), test, _deny(), _instruction(_RETURN, _ALLOW)]


def _pairs_of_streams() -> list[bytes]:
    """Allow AF_UNIX with SOCK_STREAM or SOCK_SEQPACKET alone, in socketpair() and, where that is let through, socket().

    A pair of datagram sockets may be taken apart and bound to abstract names, by which sessions could talk.
    """
    return [
        _instruction(_LOAD, _ARGUMENT_0),
        _instruction(_JEQ, socket.AF_UNIX, 0, 4),
        _instruction(_LOAD, _ARGUMENT_0 + 8),
        _instruction(_AND, 0xF),  # without SOCK_CLOEXEC and SOCK_NONBLOCK
        _instruction(_JEQ, socket.SOCK_STREAM, 2, 0),
        _instruction(_JEQ, socket.SOCK_SEQPACKET, 1, 0),
        _deny(),
        _instruction(_RETURN, _ALLOW),
    ]


def _internet_alone() -> list[bytes]:
    """With the network open, IPv4 and IPv6: the host's abstract names, netlink and the rest stay shut."""
    return [
        _instruction(_LOAD, _ARGUMENT_0),
        _instruction(_JEQ, socket.AF_INET, 2, 0),
        _instruction(_JEQ, socket.AF_INET6, 1, 0),
        _deny(),
        _instruction(_RETURN, _ALLOW),
    ]


def _terminal_injection() -> list[bytes]:
    """TIOCSTI and TIOCLINUX put words into somebody's terminal."""
    return [
        _instruction(_LOAD, _ARGUMENT_0 + 8),
        _instruction(_JEQ, _TIOCSTI, 1, 0),
        _instruction(_JEQ, _TIOCLINUX, 0, 1),
        _deny(),
        _instruction(_RETURN, _ALLOW),
    ]
