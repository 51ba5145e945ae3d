"""Stands in for a PID namespace where there is none: a small trusted process between the zygote and each worker.

It is a subreaper (prctl(2)), so whatever the worker's processes leave behind becomes its child, and when the worker has
ended it ends all of that. If it dies itself, the worker dies too, and the zygote inherits, and ends, the rest.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from ocinterp.sandboxes.ns import syscalls


def protect() -> None:
    """In the zygote: be nobody's to trace, and inherit what a keeper could not end."""
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)


def fork() -> tuple[int, int]:
    """As os.fork, with a keeper between: who is to be waited for, and the child's pidfd. In the child: 0 and -1."""
    told, tell = os.pipe()
    hold, go = os.pipe()
    keeper = os.fork()
    if keeper:
        for fd in (tell, hold):
            os.close(fd)
        try:
            return keeper, hold_of(keeper, int(os.read(told, 16) or 0))
        finally:
            for fd in (told, go):
                os.close(fd)
    os.close(go)
    os.close(told)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    own = os.getpid()
    try:
        worker = os.fork()
    except OSError:
        os._exit(1)
    if worker:
        os.write(tell, str(worker).encode())
        os.read(hold, 1)  # until the zygote has a hold on the worker, its number must not go to another
        _keep(worker)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != own:
        os._exit(1)  # the keeper was killed before it could be missed
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # /proc/self is the worker's own again
    return 0, -1


def hold_of(waited: int, pid: int) -> int:
    """A pidfd of `pid`, which lives or is still waited for by `waited`. Raises OSError, with both ended."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(waited, signal.SIGKILL)
        os.waitpid(waited, 0)
        raise


def end_strangers(known: set[int]) -> None:
    """End every child of this process, and what they leave in turn, but for those that are `known`.

    The kernel's list may leave some out while others come and go: it is only believed when it was empty twice.
    """
    empty = 0
    while empty < 2:
        strangers = _children() - known
        empty = 0 if strangers else empty + 1
        for pid in strangers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _keep(worker: int) -> None:
    """Wait for everything that ends, and end as the worker did. Never returns."""
    os.closerange(0, 1 << 16)  # the worker's ends of its pipes must close when it dies
    while True:
        pid, status = os.wait()
        if pid == worker:
            break
    end_strangers(set())
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with suppress(OSError, ValueError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


def _children() -> set[int]:
    return set(map(int, Path("/proc/self/task", str(os.getpid()), "children").read_text().split()))
