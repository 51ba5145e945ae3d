"""A model in the place of a person who looks at an answer: what it is told, and what it may say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ocinterp.errors import ModelError
from ocinterp.protocols import Model
from ocinterp.types import Feedback, Message, Source, Task, Trajectory, Turn

ADVISER = (
    "A programmer works on a task, and their program is not right yet. Tell them what is wrong, and in which direction "
    "to look. Write at most three sentences, in words: no code."
)
NOVICE = (
    "You use a program that a programmer writes for you, and you do not write programs yourself. Say in your own words what "
    "came of it and what you wanted instead. Write at most three sentences: no code, no advice how to repair it, and "
    "nothing that is not in what came of it."
)
_SOLVED = (
    "You also have a correct program. Use it to see what is wrong; do not quote it, and do not say that it exists."
)
_PROGRAM, _REPORT, _SOLUTION = "\n\n# Their program\n\n", "\n\n# What came of it\n\n", "\n\n# A correct program\n\n"

Report = Callable[[Trajectory], Awaitable[str]]
Program = Callable[[Trajectory], str]


@dataclass(frozen=True, slots=True)
class SimulatedHuman:
    """Lets `critic` speak for as long as `report` finds something wrong; then it is content and says nothing.

    The critic sees the task, the program that `program` finds in the dialogue, and the report. It has the `solution` only
    where there is one, and then its words are those of an oracle. `role` says who it is to be. Raises what the critic
    raises, and ModelError when it has nothing to say.
    """

    critic: Model
    program: Program
    report: Report
    solution: str = ""
    role: str = ADVISER

    async def __call__(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        dialogue = before.plus(turn)
        found = await self.report(dialogue)
        if not found:
            return ()
        said = (await self.critic.generate(self.brief(task, self.program(dialogue), found))).text.strip()
        if not said:
            raise ModelError("the critic has said nothing: choose another with --critic")
        return (Feedback(Source.ORACLE if self.solution else Source.SIMULATED_HUMAN, said, "bad"),)

    def brief(self, task: Task, program: str, report: str) -> tuple[Message, ...]:
        """All that the critic knows."""
        request = "\n\n".join(message.content for message in task.prompt)
        text = f"# The task\n\n{request}{_PROGRAM}{program}{_REPORT}{report}"
        if self.solution:
            text += f"{_SOLUTION}{self.solution.strip()}"
        role = f"{self.role} {_SOLVED}" if self.solution else self.role
        return (Message("system", role), Message("user", text))


def program_in(brief: Sequence[Message]) -> tuple[str, bool]:
    """The program that a brief is about, and whether it has a solution too: for critics that are no language model."""
    text = brief[-1].content.partition(_PROGRAM)[2]
    program, _, rest = text.rpartition(_REPORT)
    return program, _SOLUTION in rest
