"""What a setting of an evaluation is, and what its feedback may draw on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ocinterp.bench.hidden import HiddenTests, program_of
from ocinterp.bench.numbers import Measure
from ocinterp.feedback.paper import AGAIN as AGAIN
from ocinterp.loop import Limits
from ocinterp.protocols import FeedbackProvider, Model, Session
from ocinterp.types import Task, Trajectory

Program = Callable[[Trajectory, str], str]  # of a dialogue and the name of the entry point


@dataclass(frozen=True, slots=True)
class Seat:
    """What the feedback of one dialogue may draw on. `critic` is None where no setting asked for one."""

    task: Task
    session: Session  # in which the model's cells run
    hidden: HiddenTests
    critic: Model | None = None
    borrowed: str = ""  # what was said in the same setting's place of another task, where the setting borrows


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to evaluate. `measure` says which tests make its headline, `label` what a reader must know.

    `samples` independent answers are drawn for each task, at `temperature` where that is not None; with `equal_budget`
    as many as the tokens of the run's refining settings buy (decision 0012).
    """

    name: str
    label: str
    measure: Measure
    feedback: Callable[[Seat], FeedbackProvider]
    limits: Limits
    samples: int = 1
    temperature: float | None = None
    shows_tests: bool = False  # whether scoring tests reach the model, directly, through a critic, or by when it ends
    asks_critic: bool = False
    program: Program = program_of  # what of a dialogue is judged
    shows_solution: bool = False  # whether a critic has it
    glued: bool = False  # whether a dialogue is put to the model as one prompt (glued.py)
    equal_budget: bool = False
    control: bool = False  # whether it only shows what others owe to what they are told
    borrows: str = ""  # the setting whose words on another task are said here

    @property
    def refines(self) -> bool:
        """Whether a dialogue may have more than one answer."""
        return self.limits.max_turns != 1

    @property
    def competes(self) -> bool:
        """Whether answers for as many tokens are to be compared with it."""
        return self.refines and not self.control

    @property
    def mark(self) -> str:
        """What stands beside its name: that scoring tests were shown, or the solution too (notes.py)."""
        if self.shows_solution:
            return "**"
        return "*" if self.shows_tests else ""
