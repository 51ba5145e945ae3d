"""The system-call filter, run by a small interpreter of classic BPF."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.sandboxes.ns import seccomp

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
MACHINES = {"x86_64": 0, "aarch64": 1}
CLONE = {"x86_64": 56, "aarch64": 220}
SOCKETPAIR = {"x86_64": 53, "aarch64": 199}
IOCTL = {"x86_64": 16, "aarch64": 29}


def verdict(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """Run a filter as the kernel does, over struct seccomp_data."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, architecture, 0, *padded)
    instructions = list(struct.iter_unpack("HBBI", program))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        match code:
            case 0x20:
                accumulator = struct.unpack_from("=I", data, value)[0]
            case 0x54:
                accumulator &= value
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x06:
                return value
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


def call(machine: str, number: int, *arguments: int, network: bool = False) -> int:
    program = seccomp.assemble(machine, network=network)
    return verdict(program, seccomp.AUDIT_ARCH[machine], number, *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_denied_call_is_refused_and_common_ones_are_not(machine: str) -> None:
    denied = {pair[MACHINES[machine]] for pair in seccomp.DENIED.values()}
    for number in denied - {None}:
        assert number is not None
        assert call(machine, number) == EPERM
    special = {CLONE[machine], 435, SOCKETPAIR[machine], IOCTL[machine]}
    for number in set(range(500)) - denied - special:
        assert call(machine, number) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_no_call_is_named_twice(machine: str) -> None:
    numbers = [pair[MACHINES[machine]] for pair in seccomp.DENIED.values() if pair[MACHINES[machine]] is not None]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("flag", [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
def test_clone_makes_processes_and_threads_but_no_namespaces(machine: str, flag: int) -> None:
    assert call(machine, CLONE[machine], 17) == ALLOW  # fork: SIGCHLD
    assert call(machine, CLONE[machine], 0x3D0F00) == ALLOW  # pthread_create
    assert call(machine, CLONE[machine], flag | 17) == EPERM
    assert call(machine, 435) == ENOSYS  # clone3: its flags are out of sight


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("flags", [0, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK])
def test_pairs_of_local_streams_are_the_only_sockets(machine: str, flags: int) -> None:
    pair, local = SOCKETPAIR[machine], socket.AF_UNIX
    assert call(machine, pair, local, socket.SOCK_STREAM | flags) == ALLOW
    assert call(machine, pair, local, socket.SOCK_SEQPACKET | flags) == ALLOW
    assert call(machine, pair, local, socket.SOCK_DGRAM | flags) == EPERM
    assert call(machine, pair, local, socket.SOCK_RAW | flags) == EPERM
    assert call(machine, pair, socket.AF_INET, socket.SOCK_STREAM | flags) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_with_a_network_sockets_are_allowed(machine: str) -> None:
    number = seccomp.DENIED["socket"][MACHINES[machine]]
    assert number is not None
    assert call(machine, number, socket.AF_INET, network=True) == ALLOW
    assert call(machine, number, socket.AF_INET) == EPERM
    assert call(machine, number, socket.AF_INET6, network=True) == ALLOW
    for family in (socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET):
        assert call(machine, number, family, network=True) == EPERM
    assert call(machine, SOCKETPAIR[machine], socket.AF_UNIX, socket.SOCK_DGRAM, network=True) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_can_be_typed_into_a_terminal(machine: str) -> None:
    assert call(machine, IOCTL[machine], 0, 0x5412) == EPERM  # TIOCSTI
    assert call(machine, IOCTL[machine], 0, 0x541C) == EPERM  # TIOCLINUX
    assert call(machine, IOCTL[machine], 0, 0x5401) == ALLOW  # TCGETS
    assert call(machine, IOCTL[machine], 0, 1 << 32 | 0x5412) == EPERM  # the kernel looks at 32 bits too


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, 0xFFFFFFFF), architecture=st.integers(0, 0xFFFFFFFF))
def test_the_system_calls_of_another_architecture_kill(machine: str, number: int, architecture: int) -> None:
    program = seccomp.assemble(machine)
    if architecture != seccomp.AUDIT_ARCH[machine]:
        assert verdict(program, architecture, number) == KILL
    assert verdict(program, 0x40000003, number) == KILL  # i386


@given(number=st.integers(0x40000000, 0xFFFFFFFF))
def test_the_x32_calls_are_not_there(number: int) -> None:
    assert call("x86_64", number) == ENOSYS


def test_a_machine_without_a_table_is_refused() -> None:
    with pytest.raises(KeyError):
        seccomp.assemble("sparc")
