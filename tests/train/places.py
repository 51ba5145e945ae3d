"""Where a model practises in tests: one task again and again, in real sandboxes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ocinterp.problems import Problem
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.train.rollouts import Grounds
from ocinterp.verifiers import court


@dataclass(frozen=True)
class Only:
    """The same task again and again."""

    problem: Problem
    identity: str = "only"
    title: str = "one task"

    def drawn(self, seed: str, count: int, *, hard: bool = False) -> Sequence[Problem]:
        return [self.problem] * count


@asynccontextmanager
async def grounds(workers: int) -> AsyncGenerator[Grounds]:
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    async with (
        NamespaceSandbox(Resources(timeout_seconds=20), service=Service(spares=2)) as cells,
        NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,))) as jobs,
    ):
        yield Grounds(cells, jobs, workers)
