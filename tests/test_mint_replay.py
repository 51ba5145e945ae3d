"""Real trajectories of GPT-3.5, Claude-2 and CodeLlama, their code run live: does our sandbox end as theirs did?"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ocinterp.loop import rollout
from ocinterp.models.replay import ReplayFeedback, ReplayModel, load, outcome_of
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Task, Trajectory, Turn

FILES = 24
TRAJECTORIES = 1632
AT_ONCE = 4
SHARE = 1 if os.environ.get("OCINTERP_TEST_ALL") else 8  # of all, which take minutes, every eighth


@dataclass
class Agreement:
    """How many recorded outcomes the live sandbox reproduced, and what it did instead."""

    same: int = 0
    total: int = 0
    instead: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def count(self, recorded: Trajectory, live: Trajectory) -> None:
        for then, now in zip(recorded.turns, live.turns, strict=True):
            if then.runs:
                pair = (_normal(then), _normal(now))
                self.total += 1
                self.same += pair[0] == pair[1]
                if pair[0] != pair[1]:
                    self.instead[pair] += 1


def _normal(turn: Turn) -> str:
    return outcome_of(turn).replace("IndentationError", "SyntaxError")


async def replay(recorded: Trajectory, sandbox: NamespaceSandbox) -> Trajectory:
    task = Task(recorded.task_id, recorded.prompt)
    model, feedback = ReplayModel(recorded), ReplayFeedback(recorded)
    return await rollout(task, model=model, sandbox=sandbox, feedback=feedback)


async def replay_all(trajectories: list[Trajectory]) -> list[Trajectory]:
    """Each live. The same programs stand in many logs: those that match to the letter run once."""
    free = asyncio.Semaphore(AT_ONCE)
    jobs: dict[tuple[str, ...], asyncio.Task[Trajectory]] = {}

    async def one(recorded: Trajectory) -> Trajectory:
        async with free:
            return await replay(recorded, sandbox)

    keys = [tuple(turn.completion.text for turn in each.turns) for each in trajectories]
    resources = Resources(timeout_seconds=3.0)
    async with NamespaceSandbox(resources, profile=Profile(("numpy",))) as sandbox, asyncio.TaskGroup() as group:
        for key, recorded in zip(keys, trajectories, strict=True):
            if key not in jobs:
                jobs[key] = group.create_task(one(recorded))
    return [jobs[key].result() for key in keys]


async def test_at_least_95_percent_of_the_recorded_outcomes_are_reproduced_live(
    data: Path, record_property: Callable[[str, object], None]
) -> None:
    files = sorted((data / "trajectories").glob("*.jsonl.gz"))
    recorded = [each for path in files for each in load(path)]
    assert (len(files), len(recorded)) == (FILES, TRAJECTORIES)
    recorded = recorded[::SHARE]
    agreement = Agreement()
    for then, now in zip(recorded, await replay_all(recorded), strict=True):
        agreement.count(then, now)
    report = f"{agreement.same} of {agreement.total} recorded outcomes reproduced; instead: {agreement.instead.most_common()}"
    record_property("agreement", report)
    assert agreement.total > 3000 / SHARE * 0.9, report
    assert agreement.same >= 0.95 * agreement.total, report
