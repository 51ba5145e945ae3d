"""Interaction simulation (paper, section 2.2): a weak model answers, a strong one mends what ran wrong, a person has a word.

The weak model's answer runs; the strong model goes on from what came of it until it has nothing to add, at most three
times; a simulated person says what they think of it; the strong model answers that. Each is one continuation of the same
trajectory by the loop that everything here uses. Where the question shows tests, those that do not hold are told of as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ocinterp.feedback import VisibleTests, execution_output, failures, first_of
from ocinterp.feedback.tests import asked as shown
from ocinterp.loop import Limits, rollout
from ocinterp.parse import meaning
from ocinterp.protocols import Model, Sandbox
from ocinterp.render import MODEL_CHARACTERS, clip
from ocinterp.sandboxes.held import Held
from ocinterp.synth import prompts, replies
from ocinterp.synth.normal import blocks
from ocinterp.synth.queries import Query
from ocinterp.synth.replies import NoRowError
from ocinterp.types import Feedback, Message, Source, StopReason, Task, Trajectory, Turn

_NOTHING_RAN: Final = "No code was run. Give the whole program in one ```python block."
_WRONG: Final = frozenset({"syntax", "functionality", "bugs"})  # the others find a right answer that could be better
MENDINGS: Final = 3  # answers of the strong model before the person speaks


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the simulated person thinks, as they gave it. `followed` is empty until somebody has looked."""

    category: str
    satisfied: str
    not_satisfied: str
    feedback: str
    followed: str = ""  # yes or no, and by whom: "no: the same program", "yes: judge"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in a simulation."""

    weak: Model
    strong: Model
    person: Model
    judge: Model
    sandbox: Sandbox


@dataclass(frozen=True, slots=True)
class Simulated:
    """A dialogue, and what the person in it thought; None where they were content, or could not be understood."""

    trajectory: Trajectory
    opinion: Opinion | None


async def simulate(query: Query, those: Cast, tests: Sequence[str] = ()) -> Simulated:
    """`tests` are expressions that the question shows. NoRowError where a model says nothing that can be used, and what models and sandboxes raise."""
    text = f"{query.text}\n\n{shown(tests)}" if tests else query.text
    task = Task(query.id, (Message("system", prompts.INTERPRETER), Message("user", text)), visible_tests=tuple(tests))
    begun = await _rolled(task, None, those.weak, those.sandbox, 1)
    mended = await _on(task, begun, those, 1 + MENDINGS)
    opinion = await ask(mended, those.person)
    if opinion is None:
        return Simulated(_ended(mended), None)
    wrong = opinion.category in _WRONG
    said = Feedback(Source.SIMULATED_HUMAN, opinion.feedback, "bad" if wrong else None)
    meant = next((at for at in reversed(range(len(mended.turns))) if program(mended.turns[at])), None)
    if wrong and meant is not None and meant + 1 < len(mended.turns):
        mended = _rated_bad(mended, meant)  # what is wrong is the program, not the remark after it
    told = mended.answered((*mended.turns[-1].feedback, said))
    answered = await _on(task, told, those, len(told.turns) + 2)
    before = program(mended.turns[meant]) if meant is not None else ""
    later = range(len(told.turns), len(answered.turns))
    last = next((at for at in reversed(later) if program(answered.turns[at])), later[0])  # what it comes to
    whether = await followed(query.text, before, answered.turns[last], opinion.feedback, those.judge)
    for at in later if whether.startswith("no") else ():
        answered = _rated_bad(answered, at)  # nor is it learnt to say that it is done
    return Simulated(_ended(answered), replace(opinion, followed=whether))


def _rated_bad(trajectory: Trajectory, at: int) -> Trajectory:
    """With a turn that is no good, of which nobody says a word: it is context, and not learnt."""
    turn = trajectory.turns[at]
    rated = replace(turn, feedback=(*turn.feedback, Feedback(Source.SIMULATED_HUMAN, "", "bad")))
    return replace(trajectory, turns=(*trajectory.turns[:at], rated, *trajectory.turns[at + 1 :]))


async def _on(task: Task, so_far: Trajectory, those: Cast, most: int) -> Trajectory:
    """Let the strong model go on, for as long as something runs, to at most so many turns in all."""
    if so_far.stop is StopReason.DONE and not so_far.turns[-1].feedback:  # the weak model wrote nothing that runs
        so_far = so_far.answered((Feedback(Source.EXECUTION, _NOTHING_RAN),))
    return await _rolled(task, so_far, those.strong, those.sandbox, most)


async def _rolled(task: Task, so_far: Trajectory | None, model: Model, sandbox: Sandbox, most: int) -> Trajectory:
    async with sandbox.open() as session:
        of_code = first_of(failures, VisibleTests(session), execution_output)

        async def heard(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
            """Tests are asked of code alone: an answer without any is the end."""
            return await (of_code if turn.runs and task.visible_tests else execution_output)(task, before, turn)

        return await rollout(
            task, model=model, sandbox=Held(session), feedback=heard, limits=Limits(most), start=so_far
        )


def _ended(trajectory: Trajectory) -> Trajectory:
    """Without what was told after the last answer: nobody has answered it."""
    left = tuple(each for each in trajectory.turns[-1].feedback if not each.text)
    return replace(trajectory.answered(left), stop=trajectory.stop)


async def ask(so_far: Trajectory, person: Model) -> Opinion | None:
    """What the person says of a dialogue; None where they are content. NoRowError where no reply can be understood."""
    categories = "\n".join(f"- {name}: {what}" for name, what in prompts.CATEGORIES.items())
    dialogue = "\n\n".join(f"## {each.role}\n\n{each.content}" for each in so_far.messages() if each.role != "system")
    brief = (
        Message("system", prompts.PERSON.format(categories=categories)),
        Message("user", clip(dialogue, MODEL_CHARACTERS * 2)),
    )
    reply = (await person.generate(brief)).text
    found = replies.having(reply, "feedback")
    if found is None:
        raise NoRowError(f"the simulated person gave no object with feedback: {reply[:80]!r}")
    said = replies.words(found["feedback"])
    unmet = replies.words(found.get("not_satisfied"))
    if not said or unmet.lower() in {"none", "nothing", "n/a", "-"}:
        return None
    category = replies.words(found.get("category")).lower()
    return Opinion(
        category if category in prompts.CATEGORIES else "other", replies.words(found.get("satisfied")), unmet, said
    )


async def followed(asked: str, before: str, after: Turn, said: str, judge: Model) -> str:
    """Whether the answer to a person about the program `before` did what they asked for, and who says so: `yes: judge`,
    `no: the same program`; empty where nothing can be made of the judge's reply.
    """
    if not (now := program(after)):
        return "no: no program"
    if meaning(before) == meaning(now):
        return "no: the same program"
    brief = prompts.FOLLOWED.format(asked=asked, before=before or "(none)", said=said, after=after.completion.text)
    found = replies.having((await judge.generate((Message("user", brief),))).text, "followed")
    if found is None or not isinstance(found["followed"], bool):
        return ""
    return "yes: judge" if found["followed"] else "no: judge"


def program(turn: Turn) -> str:
    """All code of an answer."""
    ran = "\n\n".join(run.cell.source for run in turn.runs)
    return ran or ("\n\n".join(blocks(turn.completion.text)) if "```" in turn.completion.text else "")
