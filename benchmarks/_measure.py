"""CPU time and memory of this process and of all it has started, for the benchmarks."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from ocinterp.sandboxes.ns import totals
from ocinterp.testing.processes import descendants

MS = 1000.0
KIB_IN_MIB = 1024.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """Of this process and all below it, and of those they have waited for (utime, stime, cutime, cstime: proc(5))."""
    total = 0
    for pid in (os.getpid(), *descendants()):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(each) for each in fields[11:15])
    return total / TICKS


def private_mib(pids: list[int]) -> float:
    """Private_Clean + Private_Dirty of /proc/PID/smaps_rollup, summed."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Private_"):
                    total += int(line.split()[1])
    return total / KIB_IN_MIB


def machine() -> str:
    """What these numbers are of."""
    uname = os.uname()
    return (
        f"Python {sys.version.split()[0]}, Linux {uname.release}, {uname.machine}, "
        f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, uid {os.getuid()}"
    )


def proportional_mib() -> float:
    """PSS of this process and all below it, from /proc/PID/smaps_rollup: what they share is counted once."""
    return totals.proportional([os.getpid(), *descendants()]) / KIB_IN_MIB**2
