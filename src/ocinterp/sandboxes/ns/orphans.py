"""What an init process owes its system: a worker is PID 1, and inherits every process whose parent has ended.

When they end too they are zombies, and count as processes, until somebody waits for them. Nobody else will; but those
that the program itself started are the program's to wait for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_own: set[int] = set()  # processes that this one has started


def adopt() -> None:
    """Once, in the zygote: notice every process that is started, and make room for it."""
    os.fork = _noticed(os.fork)
    os.posix_spawn = _noticed(os.posix_spawn)
    os.posix_spawnp = _noticed(os.posix_spawnp)
    name = "_fork_exec"  # where subprocess keeps what starts a program
    setattr(subprocess, name, _noticed(getattr(subprocess, name)))


def reap() -> None:
    """Wait for the orphans that have ended. Costs nothing where there are no children."""
    if os.getpid() != 1 or not _any_zombie():
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (pid := int(entry.name)) not in _own:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _any_zombie() -> bool:
    with suppress(ChildProcessError):
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return False


def _noticed(start: Callable[..., int]) -> Callable[..., int]:
    def starting(*arguments: Any, **named: Any) -> int:
        reap()
        pid = start(*arguments, **named)
        if pid:
            _own.add(pid)
        return pid

    return starting
