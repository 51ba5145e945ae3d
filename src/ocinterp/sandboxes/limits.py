"""What a session may use up."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Resources:
    """The limits of one session. Sizes are in bytes, times in seconds of wall clock.

    `memory_bytes` bounds the address space of each process (RLIMIT_AS), libraries included, and what all processes of
    the session hold together (totals.py). `disk_bytes` bounds all files of the session together; they live in memory.
    """

    timeout_seconds: float = 30.0  # one cell
    grace_seconds: float = 0.04  # from the polite interrupt of a cell that ran out of time to the kill
    interrupt_grace_seconds: float = 2.0  # the same when a person interrupts: a `finally` block may take its time
    memory_bytes: int = 4096 * MIB
    disk_bytes: int = 256 * MIB
    files: int = 4096
    processes: int = 64  # threads count too
    output_bytes: int = 1 * MIB  # stdout and stderr of one cell together
    display_bytes: int = 16 * MIB  # all figures and values of one cell together
    file_bytes: int = 64 * MIB  # one file in or out


@dataclass(frozen=True, slots=True)
class Service:
    """How many sessions a sandbox serves, and how it keeps ahead of them."""

    zygotes: int = 1  # that serve side by side; where each session needs one of its own, that are kept warm
    sessions: int = 256  # open at once; who comes later waits for one to close
    turnover: int = 10_000  # sessions of one zygote, before a new one takes its place
    spares: int = 0  # sessions whose interpreters are forked before anybody asks
