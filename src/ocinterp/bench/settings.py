"""The settings of an evaluation: who answers the model's turns, knowing what, and which tests then count.

A setting is made of what the loop takes: feedback and limits. The loop itself knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ocinterp.bench import conv
from ocinterp.bench.hidden import program_of
from ocinterp.bench.numbers import Suite
from ocinterp.bench.seats import AGAIN, Program, Seat, Setting
from ocinterp.errors import UsageError
from ocinterp.feedback import VisibleTests, failures, first_of, silent
from ocinterp.feedback.simulated import SimulatedHuman
from ocinterp.loop import Limits
from ocinterp.protocols import FeedbackProvider
from ocinterp.types import Feedback, Source, Task, Trajectory, Turn

__all__ = ["NAMES", "PAPER_TURNS", "Program", "Seat", "Setting", "chosen"]

PAPER_TURNS: Final = 2  # answers in a dialogue of the paper: one refinement

_LABELS: Final = {
    "execution": "the model is shown the scoring tests' report",
    "human": "a critic who is shown the scoring tests' report speaks to the model",
    "oracle": "a critic who has the solution and the scoring tests' report speaks to the model",
}
CONTROLS: Final = {
    "blank": "a control of execution: told no more than that a test fails",
    "mismatched": "a control of execution: shown the report on another task",
}
_BLANK: Final = "A test fails."
NAMES: Final = ("single", "resample", "visible", *_LABELS, *CONTROLS, conv.GROUP)


def chosen(
    names: Sequence[str],
    *,
    turns: int = PAPER_TURNS,
    conv_turns: int = conv.TURNS,
    temperature: float = 0.8,
    suites: Sequence[Suite],
    glued: bool = False,
) -> tuple[Setting, ...]:
    """The settings of these names, in their order; UsageError for an unknown one.

    `turns` is how often a model may answer in a dialogue, `conv_turns` in one of ConvCodeWorld's. `suites` are those that
    the benchmark has, the strictest last, which makes the headline of all but the paper's and `visible`. `execution`,
    `human` and `oracle` are a run for each suite, since what is said depends on which tests are; with `glued` their
    dialogues are put to the model as one prompt. `resample` draws answers at `temperature`: as many as the tokens of
    the settings that refine buy, or `turns` where none does.
    """
    offer = _Offer(turns, conv_turns, temperature, suites, glued)
    found = {each.name: each for name in names for each in offer.named(name)}
    if not found:
        raise UsageError(f"choose at least one setting of {', '.join(NAMES)}")
    if lacking := [each for each in found.values() if each.borrows and each.borrows not in found]:
        raise UsageError(f"{lacking[0].name} says what was said in {lacking[0].borrows}: choose that too")
    if glued and not any(each.glued for each in found.values()):
        raise UsageError("--glued is a form of execution, human and oracle, and none of them was chosen")
    competing = any(each.competes for each in found.values())
    return tuple(_equal(each) if each.name == "resample" and competing else each for each in found.values())


@dataclass(frozen=True, slots=True)
class _Offer:
    """All settings that can be named."""

    turns: int
    conv_turns: int
    temperature: float
    suites: Sequence[Suite]
    glued: bool

    def named(self, name: str) -> list[Setting]:
        plain, _, suite = name.partition("-")
        strictest = self.suites[-1]
        if plain in _LABELS and suite in {"", *self.suites}:
            return [self._tested(plain, each) for each in self.suites if suite in {"", each}]
        if plain in CONTROLS and suite in {"", *self.suites}:
            return [self._control(plain, each) for each in self.suites if suite in {"", each}]
        if of_group := [each for each in conv.settings(self.conv_turns, strictest) if name in {conv.GROUP, each.name}]:
            return of_group
        match name:
            case "single":
                return [Setting(name, "one answer", strictest, _silent, Limits(1))]
            case "resample":
                return [self._resample()]
            case "visible":
                label = f"up to {self.turns} turns; told of its own errors and of the task's visible tests, which do not count"
                return [Setting(name, label, "unseen", _visible, Limits(self.turns))]
            case _:
                expected = ", ".join(
                    [
                        *NAMES,
                        *(f"{each}-{suite}" for each in (*_LABELS, *CONTROLS) for suite in self.suites),
                        *conv.NAMES,
                    ]
                )
                raise UsageError(f"there is no setting {name!r}; expected some of {expected}")

    def _resample(self) -> Setting:
        label = f"{self.turns} independent answers at temperature {self.temperature:g}"
        return Setting(
            "resample",
            label,
            self.suites[-1],
            _visible,  # to choose by: the model has no turn left in which to hear it
            Limits(1),
            samples=self.turns,
            temperature=self.temperature,
        )

    def _tested(self, plain: str, suite: Suite) -> Setting:
        feedback = (
            _execution(suite, glued=self.glued) if plain == "execution" else _person(suite, oracle=plain == "oracle")
        )
        form = "; put to it as one prompt, as in the paper" if self.glued else ""
        return Setting(
            f"{plain}-{suite}",
            f"up to {self.turns} turns; {_LABELS[plain]}{form}",
            suite,
            feedback,
            Limits(self.turns),
            shows_tests=True,
            asks_critic=plain != "execution",
            shows_solution=plain == "oracle",
            glued=self.glued,
        )

    def _control(self, plain: str, suite: Suite) -> Setting:
        return Setting(
            f"{plain}-{suite}",
            f"up to {self.turns} turns; {CONTROLS[plain]}",
            suite,
            _words_instead(suite),
            Limits(self.turns),
            shows_tests=True,  # by when it ends
            control=True,
            borrows=f"execution-{suite}" if plain == "mismatched" else "",
        )


def _equal(resample: Setting) -> Setting:
    label = f"independent answers at temperature {resample.temperature:g}, as many as the tokens of the others buy"
    return replace(resample, label=label, samples=1, equal_budget=True)


def _silent(seat: Seat) -> FeedbackProvider:
    return silent


def _visible(seat: Seat) -> FeedbackProvider:
    """What fails of the model's own code, then of the tests that its task shows."""
    return first_of(failures, VisibleTests(seat.session))


def _execution(suite: Suite, *, glued: bool) -> Callable[[Seat], FeedbackProvider]:
    def provider(seat: Seat) -> FeedbackProvider:
        async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
            report = await _report(seat, suite, before.plus(turn))
            words = f"Execution result:\n{report}" if glued else f"{report}\n\n{AGAIN}"
            return (Feedback(Source.TESTS, words),) if report else ()

        return provide

    return provider


def _words_instead(suite: Suite) -> Callable[[Seat], FeedbackProvider]:
    """Others than those of the report, where there is one."""

    def provider(seat: Seat) -> FeedbackProvider:
        words = seat.borrowed or f"{_BLANK}\n\n{AGAIN}"

        async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
            report = await _report(seat, suite, before.plus(turn))
            return (Feedback(Source.TESTS, words),) if report else ()

        return provide

    return provider


def _person(suite: Suite, *, oracle: bool) -> Callable[[Seat], FeedbackProvider]:
    def provider(seat: Seat) -> FeedbackProvider:
        assert seat.critic is not None
        return SimulatedHuman(
            seat.critic,
            program=lambda dialogue: program_of(dialogue, seat.task.entry_point),
            report=lambda dialogue: _report(seat, suite, dialogue),
            solution=seat.hidden.problem.reference if oracle else "",
        )

    return provider


async def _report(seat: Seat, suite: Suite, dialogue: Trajectory) -> str:
    return await seat.hidden.report(program_of(dialogue, seat.task.entry_point), suite)
