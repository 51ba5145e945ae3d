"""What bounds all processes of a container together: a watchdog, and the control group that its engine has made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import totals

_EVENTS = {"": "memory.events", "memory": "memory.oom_control"}  # where versions 2 and 1 count kills


@dataclass(frozen=True, slots=True)
class EngineBounds:
    """The watchdog keeps the processes to what they may have. Behind it stands the engine's limit, which is wider.

    That one counts files and the zygote too, and what is held in the kernel; podman of an ordinary user has none where
    control groups are of version 1.
    """

    name: str = "container"
    about: str = "the control group of each container, and a watchdog"

    def around(self, pid: int, resources: Resources, kill: Callable[[], None]) -> totals.Guard:
        groups = totals.groups_of(pid)
        events = [groups[controller][1] / name for controller, name in _EVENTS.items() if controller in groups]
        return _Bound(totals.Watchdog().around(pid, resources, kill), events, sum(map(_kills, events)))

    def clear(self) -> None:
        """Nothing to do: the group goes with its container."""


@dataclass(slots=True)
class _Bound:
    watch: totals.Guard
    events: list[Path]
    before: int  # kills that were an earlier interpreter's
    _kills: int = 0  # as they were when last looked at

    def breaches(self) -> int:
        self._kills = max(self._kills, sum(map(_kills, self.events)) - self.before)
        return self._kills + self.watch.breaches()

    def release(self) -> None:
        self.breaches()
        self.watch.release()


def _kills(events: Path) -> int:
    with suppress(OSError):  # it is gone with its container
        for line in events.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
