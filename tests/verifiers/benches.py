"""What the judge's tests share: a sandbox in which it can judge, and problems of a few lines."""

from __future__ import annotations

from ocinterp.problems import Arguments, Benchmark, Calls, Problem
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Status, Task
from ocinterp.verifiers.court import GUEST
from ocinterp.verifiers.judge import Judgement

LIMITS = Resources(memory_bytes=512 * MIB, disk_bytes=8 * MIB, output_bytes=8 * MIB, processes=24)


def service(tier: type[NamespaceSandbox] = NamespaceSandbox) -> NamespaceSandbox:
    return tier(LIMITS, profile=Profile(guests=(GUEST,)))


def calls(*values: object) -> tuple[Arguments, ...]:
    return tuple((each,) for each in values)


def problem(
    reference: str,
    base: tuple[Arguments, ...],
    plus: tuple[Arguments, ...] = (),
    *,
    name: str = "own/1",
    entry_point: str = "f",
    tolerance: float = 0.0,
) -> Problem:
    return Problem(Task(name, (), entry_point), reference, Calls(base, plus, tolerance))


def benchmark(*problems: Problem, name: str = "own") -> Benchmark:
    return Benchmark(name, "1", "0" * 32, {each.task.id: each for each in problems})


def both(judgement: Judgement) -> tuple[Status, ...]:
    """The status of each set."""
    return tuple(each.status for each in judgement.sets)
