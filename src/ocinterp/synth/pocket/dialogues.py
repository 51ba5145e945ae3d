"""Dialogues over pocket tasks as trajectories: what was asked, what failed and how, what was said, and the answer that is right.

All are made by rule and say so (`provenance`). Every program in them was run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any, Final, Literal

from ocinterp.errors import UsageError
from ocinterp.feedback import tests
from ocinterp.feedback.execution import report_failure
from ocinterp.synth.pocket import hints
from ocinterp.synth.pocket.attempts import Attempt, attempt
from ocinterp.synth.pocket.rehearsal import Rehearsal
from ocinterp.tasks.pocket.benchmark import Item, Part, item
from ocinterp.types import (
    Cell,
    Completion,
    Feedback,
    Message,
    Run,
    Source,
    StopReason,
    Trajectory,
    Turn,
)

Form = Literal["single", "execution", "person", "twice", "trace"]
Shares = Mapping[Form, float]

SHARES: Final[Shares] = {"single": 0.36, "execution": 0.32, "person": 0.14, "twice": 0.1, "trace": 0.08}
_FAILURES: Final[Mapping[Form, int]] = {"single": 0, "execution": 1, "person": 1, "twice": 2}
_TRIES: Final = 12
_TRACES: Final = ("What does this return for {call}?", "What is {call}?", "Say what {call} gives.")


@dataclass(frozen=True, slots=True)
class Plan:
    """How dialogues are made: `shares` of their forms, and what requests are like.

    Those in which an attempt fails are of the part `unusual` as often as `mistaken` says: there a request leaves open what is
    seldom meant, so that an attempt at what is usually meant fails.
    """

    shares: Shares = field(default_factory=lambda: SHARES)
    part: Part = field(default_factory=lambda: Part(0.5))
    unusual: Part = field(default_factory=lambda: Part(1.0, usual=0.15))
    mistaken: float = 0.7


def plan_of(forms: Sequence[str] | None) -> Plan:
    """With some of the forms alone, in the proportions of SHARES; all for None. UsageError for a form that there is not."""
    shares: dict[Form, float] = {name: share for name, share in SHARES.items() if forms is None or name in forms}
    if unknown := set(forms or ()) - set(SHARES):
        raise UsageError(f"there is no form {min(unknown)!r} of a dialogue; there are {', '.join(SHARES)}")
    if not shares:
        raise UsageError(f"choose at least one form of {', '.join(SHARES)}")
    return Plan(shares)


def dialogues(seed: str, plan: Plan = Plan()) -> Iterator[Trajectory]:
    """Without end, and always the same for a seed. Of no task of the benchmark `pocket`."""
    return (dialogue for _, dialogue in with_items(seed, plan))


def with_items(seed: str, plan: Plan = Plan()) -> Iterator[tuple[Item, Trajectory]]:
    """Each dialogue with what it is about."""
    for number in count(1):
        chance = Random(f"{seed} {number}")
        form = chance.choices(list(plan.shares), list(plan.shares.values()))[0]
        unusual = _FAILURES.get(form, 0) > 0 and chance.random() < plan.mistaken
        made = item(f"dialogues {seed}", "train", plan.unusual if unusual else plan.part, number)
        if made is not None:
            yield made, _trace(made, number, chance) if form == "trace" else _dialogue(made, number, form, chance)


def _dialogue(item: Item, number: int, form: Form, chance: Random) -> Trajectory:
    found = Trajectory(f"pocket-train/{number}", (Message("user", item.request),))
    thought = ""
    for nth in range(1, _FAILURES[form] + 1):
        made = _failing(item, chance, nth, thought, {turn.runs[0].cell.source for turn in found.turns})
        if made is None:
            break
        wrong, turn, error = made
        said = list(turn.feedback)
        if form == "person" or (form == "twice" and chance.random() < 0.3):
            words = (hints.oracle if chance.random() < 0.3 else hints.person)(item.program, wrong, chance)
            said = [Feedback(Source.SIMULATED_HUMAN, words, "bad")]
        thought = hints.thought(item.program, wrong, error)
        found = found.plus(Turn(turn.completion, turn.runs, tuple(said)))
    answer = Completion(_answer(item.program.source(), thought), "stop")
    cell = Cell(f"{len(found.turns) + 1}.1", item.program.source())
    found = found.plus(Turn(answer, (Run(cell, Rehearsal().run(cell)),))).stopped(StopReason.DONE)
    return replace(found, provenance=_made_by(form if len(found.turns) > 1 else "single"))


def _answer(source: str, thought: str = "") -> str:
    return f"{thought}\n```python\n{source}\n```".lstrip("\n")


def _failing(item: Item, chance: Random, nth: int, thought: str, tried: Set[str]) -> tuple[Attempt, Turn, str] | None:
    """An attempt not `tried` yet that really fails, the turn that it makes, and the name of the error that it ends in."""
    for _ in range(_TRIES):
        wrong = attempt(item.program, chance, item.wording.open_steps)
        if wrong is None or wrong.source in tried:
            continue
        stage = Rehearsal()
        cell = Cell(f"{nth}.1", wrong.source)
        result = stage.run(cell)
        completion = Completion(_answer(wrong.source, thought), "stop")
        if not result.ok:
            runs = (Run(cell, result),)
            said = report_failure(runs)
            return wrong, Turn(completion, runs, (said,)), result.error.name if result.error else ""
        evaluated = [stage.evaluate(each.expression(item.program.function)) for each in item.examples.visible]
        failed = [each for each in evaluated if not each.held]
        if failed:
            error = next((each.result.error.name for each in failed if each.result.error), "")
            feedback = tests.report(failed) if chance.random() < 0.5 else _as_in_the_paper(item, failed, chance)
            return (
                wrong,
                Turn(completion, (Run(cell, result),), (feedback,)),
                "" if error == "AssertionError" else error,
            )
    return None


def _as_in_the_paper(item: Item, failed: Sequence[tests.Evaluated], chance: Random) -> Feedback:
    """The first failing test in the words of `bench.hidden`."""
    first = failed[0]
    call, _, expected = first.expression.partition(" == ")
    if not first.got:
        error = tests.error_line(first.result)
        return Feedback(Source.TESTS, f"A test fails: {error}\nInput: {call}\n\n{tests.AGAIN}")
    return Feedback(
        Source.TESTS, f"A test fails.\nInput: {call}\nExpected: {expected}\nActual: {first.got}\n\n{tests.AGAIN}"
    )


def _trace(item: Item, number: int, chance: Random) -> Trajectory:
    """What a program answers, and the values on the way."""
    given = chance.choice(item.examples.hidden or item.examples.visible).given
    program = item.program
    values: list[Any] = [given]
    values.extend(
        program.with_steps(program.steps[:at]).answer(_copied(given)) for at in range(1, len(program.steps) + 1)
    )
    call = f"{program.function}({given!r})"
    asked = f"{chance.choice(_TRACES).format(call=call)}\n```python\n{program.source()}\n```"
    steps = " -> ".join(repr(each) for each in values)
    prompt = (Message("user", asked),)
    turn = Turn(Completion(steps, "stop"))
    return Trajectory(f"pocket-train/{number}", prompt, (turn,), StopReason.DONE, _made_by("trace"))


def _copied(given: Any) -> Any:
    return given.copy() if isinstance(given, list | dict) else given  # pyright: ignore[reportUnknownVariableType]


def _made_by(form: Form) -> dict[str, str]:
    return {"model": "rule", "method": f"pocket-{form}"}
