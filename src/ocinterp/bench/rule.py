"""A critic who is no model: on the benchmark `pocket` a person who knows what was meant, by rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from ocinterp.feedback.simulated import program_in
from ocinterp.protocols import ignore
from ocinterp.tasks.pocket import benchmark
from ocinterp.tasks.pocket.person import remark, wrong_steps
from ocinterp.types import Completion, Message


@dataclass(frozen=True, slots=True)
class Rule:
    """Who speaks instead of a model."""

    name: ClassVar[str] = "rule"
    benchmark: ClassVar[str] = benchmark.NAME

    def critic(self, task_id: str) -> RuleCritic:
        return RuleCritic(task_id)


@dataclass(frozen=True, slots=True)
class RuleCritic:
    """Names what the person of a task meant, of the first step that is otherwise; with a solution, of every step that is.

    Says the same of the same program.
    """

    task_id: str

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        source, solved = program_in(messages)
        program = benchmark.held_out()[self.task_id].program
        wrong = wrong_steps(program, source)
        words = remark(program, wrong if solved else wrong[:1], Random(f"{self.task_id} {source}"))
        on_text(words)
        return Completion(words, "stop")
