"""Whether a process, with all that it started, is at work: it may wait for a processor as long as it must (proc(5))."""

from __future__ import annotations

import os

_SLEEPING = frozenset("SIZXTt")  # else it runs, or would; or waits for a disk or a page, which is no choice of its own
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_NANOSECOND = 1e-9
_MOST = 256  # processes that are looked at: who has more is at work


def activity(pid: int) -> tuple[float, bool]:
    """The seconds that all of it has run or waited for a processor, and whether any of it does not sleep at this moment.

    Of children that have ended, what they ran counts. Where the kernel does not tell of children nobody is said to sleep.
    """
    seconds, awake = 0.0, not os.path.exists("/proc/thread-self/children")  # noqa: PTH110  a Path costs the zygote's forks
    left, count = [pid], 0
    while left and count < _MOST:
        count += 1
        more, is_awake, children = _of_process(left.pop())
        seconds += more
        awake |= is_awake
        left += children
    return seconds, awake or bool(left)


def _of_process(pid: int) -> tuple[float, bool, list[int]]:
    """The same of one process without its children, and who those are. Of one that has ended: nothing."""
    seconds, awake, children = 0.0, False, list[int]()
    of_ended = 0.0
    for thread in _names(f"/proc/{pid}/task"):
        folder = f"/proc/{pid}/task/{thread}"
        fields = _read(f"{folder}/stat").rpartition(")")[2].split()
        times = _read(f"{folder}/schedstat").split()
        if len(fields) > 14 and len(times) > 1:
            awake |= fields[0] not in _SLEEPING
            seconds += (int(times[0]) + int(times[1])) * _NANOSECOND
            of_ended = (int(fields[13]) + int(fields[14])) * _TICK_SECONDS  # the same for each of its threads
            children += map(int, _read(f"{folder}/children").split())
    return seconds + of_ended, awake, children


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(fd, 1 << 16).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(fd)
