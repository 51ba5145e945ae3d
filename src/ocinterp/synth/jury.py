"""Who judges programs by tests for the stages, each once: verdicts are in the journal, as calls and executions are."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ocinterp.jobs import Jobs
from ocinterp.journal import Done, Journal, Request
from ocinterp.problems import Problem, Script
from ocinterp.types import Status, Verdict
from ocinterp.verifiers import court

_EDITION: Final = 1  # of what is judged, and how


@dataclass(frozen=True, slots=True)
class Jury:
    """`workers` processes judge at a time. Without a journal each program is judged anew."""

    jobs: Jobs
    workers: int = 1
    journal: Journal | None = None

    async def verdicts(
        self, problems: Mapping[str, Problem], programs: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], Verdict]:
        """As `court.verdicts`: without what the sandbox failed on. SandboxError where nothing can be run."""
        return await court.verdicts(self.jobs, problems, programs, workers=self.workers, once=self._once)

    async def _once(self, problem: Problem, program: str, judge: Callable[[], Awaitable[Verdict]]) -> Verdict:
        tests = problem.tests
        if self.journal is None or not isinstance(tests, Script):
            return await judge()
        content = {
            "program": program,
            "entry_point": problem.task.entry_point,
            "setup": tests.setup,
            "tests": tests.source,
        }

        async def act() -> Done:
            said = await judge()
            if said.status == Status.SANDBOX_FAILURE:
                raise _UnknownError(said)
            return Done(json.dumps([said.passed, said.total, said.status, said.detail]))

        try:
            answer = await self.journal.once(Request("verdict", tests.kind, content, {"edition": _EDITION}), act)
        except _UnknownError as error:
            return error.verdict
        return Verdict(*json.loads(answer))


class _UnknownError(Exception):
    """A verdict that says nothing, and is not kept."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict
