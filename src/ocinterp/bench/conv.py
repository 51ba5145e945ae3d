"""ConvCodeWorld's settings (arXiv 2502.19852): feedback of a compiler, of tests and of a person, in nine combinations.

A compiler always speaks. Of the tests none is heard, or the first three, or all; and nobody puts it into words, or a
novice who knows no more than that, or an expert who has the solution too. docs/evaluation.md says in what this differs
from the authors' evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ocinterp.bench.hidden import defines, program_of
from ocinterp.bench.numbers import Suite
from ocinterp.bench.seats import AGAIN, Seat, Setting
from ocinterp.feedback import all_of, first_of, paper
from ocinterp.feedback.simulated import ADVISER, NOVICE, Report, SimulatedHuman
from ocinterp.loop import Limits
from ocinterp.protocols import FeedbackProvider
from ocinterp.render import error_line
from ocinterp.types import Feedback, Source, Status, Task, Trajectory, Turn

GROUP: Final = "conv"
TURNS: Final = 10
FIRST_TESTS: Final = 3  # of partial coverage, as in the code that came with the paper

_NOT_PYTHON: Final = {"SyntaxError", "IndentationError", "TabError"}
_COMPILES: Final = "It compiles, and it is not right."

Coverage = Literal["none", "partial", "full"]
Voice = Literal["none", "novice", "expert"]

_COVERAGES: Final[dict[Coverage, str]] = {
    "none": "",
    "partial": f" and of the first {FIRST_TESTS} scoring tests",
    "full": " and of all scoring tests",
}
_VOICES: Final[dict[Voice, str]] = {
    "none": "",
    "novice": "; a critic who hears no more says it in words",
    "expert": "; a critic who has the solution too speaks until all scoring tests pass",
}


@dataclass(frozen=True, slots=True)
class Combination:
    """What is heard of the tests of `suite`, and who says it in words."""

    coverage: Coverage
    voice: Voice
    suite: Suite

    @property
    def name(self) -> str:
        parts = [each for each in (self.coverage, self.voice) if each != "none"]
        return "-".join([GROUP, *(parts or ["compile"])])

    def setting(self, turns: int) -> Setting:
        label = f"up to {turns} turns; told of what does not compile{_COVERAGES[self.coverage]}{_VOICES[self.voice]}"
        return Setting(
            self.name,
            label,
            self.suite,
            self.feedback,
            Limits(turns),
            shows_tests=self.coverage != "none" or self.voice == "expert",
            asks_critic=self.voice != "none",
            shows_solution=self.voice == "expert",
        )

    def feedback(self, seat: Seat) -> FeedbackProvider:
        """An expert is asked of programs that compile alone, as in the code that came with the paper."""
        heard = _Heard(self, seat)
        match self.voice:
            case "none":
                return heard.said
            case "novice":
                return all_of(heard.said, heard.person(heard.machine, NOVICE))
            case "expert":
                expert = heard.person(heard.wrong, ADVISER, seat.hidden.problem.reference)
                return first_of(heard.compilation, all_of(heard.said, expert))


def settings(turns: int, suite: Suite) -> list[Setting]:
    """All nine; `suite` is what scores and, with full coverage, is shown."""
    return [Combination(coverage, voice, suite).setting(turns) for voice in _VOICES for coverage in _COVERAGES]


NAMES: Final = tuple(each.name for each in settings(TURNS, "base"))


@dataclass(frozen=True, slots=True)
class _Heard:
    """What of a dialogue's program can be heard in a combination."""

    combination: Combination
    seat: Seat

    async def machine(self, dialogue: Trajectory) -> str:
        """What the compiler says, else the tests; empty where that is nothing."""
        if found := not_compiling(dialogue.turns[-1], self.seat.task.entry_point):
            return found
        coverage, suite = self.combination.coverage, self.combination.suite
        if coverage == "none":
            return ""
        first = FIRST_TESTS if coverage == "partial" else None
        return await self.seat.hidden.report(self._program(dialogue), suite, first=first)

    async def wrong(self, dialogue: Trajectory) -> str:
        """What an expert is told for as long as any scoring test fails."""
        scored = await self.seat.hidden.score(self._program(dialogue))
        if scored.status(self.combination.suite) == Status.PASS:
            return ""
        return await self.machine(dialogue) or _COMPILES

    async def compilation(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        """The compiler's words, to the model."""
        found = not_compiling(turn, task.entry_point)
        return (Feedback(Source.EXECUTION, f"{found}\n\n{AGAIN}"),) if found else ()

    async def said(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        """The machine's own words, to the model."""
        if found := await self.compilation(task, before, turn):
            return found
        report = await self.machine(before.plus(turn))
        return (Feedback(Source.TESTS, f"{report}\n\n{AGAIN}"),) if report else ()

    def person(self, report: Report, role: str, solution: str = "") -> SimulatedHuman:
        assert self.seat.critic is not None
        return SimulatedHuman(self.seat.critic, self._program, report, solution, role)

    def _program(self, dialogue: Trajectory) -> str:
        return program_of(dialogue, self.seat.task.entry_point)


def not_compiling(turn: Turn, entry_point: str) -> str:
    """What Python said of an answer's code before any of it ran; empty where a block with the entry point compiles."""
    runs = [run for run in turn.runs if run.cell.language == "python"]
    if not runs:
        return "There is no Python program in the answer."
    broken = [run for run in runs if run.result.error is not None and run.result.error.name in _NOT_PYTHON]
    if not broken or any(defines(run.cell.source, entry_point) for run in runs if run not in broken):
        return ""
    error = broken[-1].result.error
    shown = error.traceback.strip() if error is not None else ""
    return f"It does not compile.\n{shown or error_line(broken[-1].result)}"[: paper.CHARACTERS]
