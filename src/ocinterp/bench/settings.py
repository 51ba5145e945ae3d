"""The settings of an evaluation: who answers the model's turns, knowing what, and which tests then count.

A setting is made of what the loop takes: feedback and limits. The loop itself knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ocinterp.bench.hidden import HiddenTests, program_of
from ocinterp.bench.numbers import Measure, Suite
from ocinterp.errors import UsageError
from ocinterp.feedback import VisibleTests, failures, first_of, silent
from ocinterp.feedback.simulated import SimulatedHuman
from ocinterp.loop import Limits
from ocinterp.protocols import FeedbackProvider, Model, Session
from ocinterp.types import Feedback, Source, Task, Trajectory, Turn

Program = Callable[[Trajectory, str], str]  # of a dialogue and the name of the entry point

_AGAIN = "Fix the program and give all of it again in one code block."


@dataclass(frozen=True, slots=True)
class Seat:
    """What the feedback of one dialogue may draw on. `critic` is None where no setting asked for one."""

    task: Task
    session: Session  # in which the model's cells run
    hidden: HiddenTests
    critic: Model | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to evaluate. `measure` says which tests make its headline, `label` what a reader must know.

    `samples` independent answers are drawn for each task, at `temperature` where that is not None.
    """

    name: str
    label: str
    measure: Measure
    feedback: Callable[[Seat], FeedbackProvider]
    limits: Limits
    samples: int = 1
    temperature: float | None = None
    shows_tests: bool = False  # whether scoring tests reach the model, directly or through a critic
    asks_critic: bool = False
    program: Program = program_of  # what of a dialogue is judged


def _silent(seat: Seat) -> FeedbackProvider:
    return silent


def _visible(seat: Seat) -> FeedbackProvider:
    """What fails of the model's own code, then of the tests that its task shows."""
    return first_of(failures, VisibleTests(seat.session))


def _execution(suite: Suite) -> Callable[[Seat], FeedbackProvider]:
    def provider(seat: Seat) -> FeedbackProvider:
        async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
            report = await _report(seat, suite, before.plus(turn))
            return (Feedback(Source.TESTS, f"{report}\n\n{_AGAIN}"),) if report else ()

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


_LABELS: Final = {
    "execution": "the model is shown the scoring tests' report",
    "human": "a critic who is shown the scoring tests' report speaks to the model",
    "oracle": "a critic who has the solution and the scoring tests' report speaks to the model",
}
NAMES: Final = ("single", "resample", "visible", *_LABELS)


def chosen(
    names: Sequence[str], *, turns: int = 2, temperature: float = 0.8, suites: Sequence[Suite]
) -> tuple[Setting, ...]:
    """The settings of these names, in their order; UsageError for an unknown one.

    `turns` is how often a model may answer in a dialogue, and how many samples `resample` draws, at `temperature`.
    `suites` are those that the benchmark has, the strictest last, which makes the headline of `single` and `resample`.
    `execution`, `human` and `oracle` are a run for each of them, since what is said depends on which tests are.
    """
    settings = [each for name in names for each in _named(name, turns, temperature, suites)]
    if not settings:
        raise UsageError(f"choose at least one setting of {', '.join(NAMES)}")
    return tuple({each.name: each for each in settings}.values())


def _named(name: str, turns: int, temperature: float, suites: Sequence[Suite]) -> list[Setting]:
    plain, _, suite = name.partition("-")
    if plain in _LABELS and suite in {"", *suites}:
        return [_tested(plain, each, turns) for each in suites if suite in {"", each}]
    match name:
        case "single":
            return [Setting(name, "one answer", suites[-1], _silent, Limits(1))]
        case "resample":
            label = f"{turns} independent answers at temperature {temperature:g}; none is chosen"
            return [Setting(name, label, suites[-1], _silent, Limits(1), samples=turns, temperature=temperature)]
        case "visible":
            label = f"up to {turns} turns; told of its own errors and of the task's visible tests, which do not count"
            return [Setting(name, label, "unseen", _visible, Limits(turns))]
        case _:
            expected = ", ".join([*NAMES, *(f"{each}-{suite}" for each in _LABELS for suite in suites)])
            raise UsageError(f"there is no setting {name!r}; expected some of {expected}")


def _tested(plain: str, suite: Suite, turns: int) -> Setting:
    feedback = _execution(suite) if plain == "execution" else _person(suite, oracle=plain == "oracle")
    return Setting(
        f"{plain}-{suite}",
        f"up to {turns} turns; {_LABELS[plain]}",
        suite,
        feedback,
        Limits(turns),
        shows_tests=True,
        asks_critic=plain != "execution",
    )
