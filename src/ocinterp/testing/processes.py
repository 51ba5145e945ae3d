"""Processes on this host, for tests that ask what is left of them."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def descendants(root: int = 0) -> list[int]:
    """All processes below one (0: this one), nearest first.

    From every process's parent: the kernel's own list, /proc/PID/task/*/children, leaves some out while others come
    and go.
    """
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [root or os.getpid()]
    for pid in found:
        found += sorted(children.get(pid, []))
    return found[1:]


def ended(pids: Iterable[int], seconds: float = 20.0) -> bool:
    """Wait for processes that are being killed; False where one lives on after that time."""
    handles: list[int] = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    try:
        return all(select.select([handle], [], [], seconds)[0] for handle in handles)
    finally:
        for handle in handles:
            os.close(handle)
