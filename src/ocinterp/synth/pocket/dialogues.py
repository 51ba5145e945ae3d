"""Dialogues over pocket tasks as trajectories: what was asked, what failed and how, what was said, and the answer that is right.

All are made by rule and say so (`provenance`). Every program in them was run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Final, Literal

from ocinterp.errors import UsageError
from ocinterp.feedback import paper, tests
from ocinterp.feedback.execution import report_failure
from ocinterp.synth.pocket import comments, hints
from ocinterp.synth.pocket.attempts import Attempt, attempt
from ocinterp.synth.pocket.rehearsal import Rehearsal
from ocinterp.tasks.pocket.benchmark import Item, Part, item
from ocinterp.tasks.pocket.programs import Program
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

Form = Literal["single", "execution", "person", "twice"]
Shares = Mapping[Form, float]

SHARES: Final[Shares] = {"single": 0.45, "execution": 0.35, "person": 0.15, "twice": 0.05}
_FAILURES: Final[Mapping[Form, int]] = {"single": 0, "execution": 1, "person": 1, "twice": 2}
_TRIES: Final = 12
_PAPER: Final = 0.7  # how many reports are in the words of the paper's evaluation
_WITH_TESTS: Final = 0.1  # how many requests have the visible tests below


@dataclass(frozen=True, slots=True)
class Plan:
    """How dialogues are made: `shares` of their forms, and what requests are like.

    Half of them say all that is meant, usual or not, and the others leave it open as in `part`. Those in which an attempt
    fails are of the part `unusual` as often as `mistaken` says: there each request leaves open something that is seldom meant,
    so that an attempt at what is usually meant fails.
    """

    shares: Shares = field(default_factory=lambda: SHARES)
    settled: Part = field(default_factory=lambda: Part(0.0, usual=0.2))
    part: Part = field(default_factory=lambda: Part(0.8))
    unusual: Part = field(default_factory=lambda: Part(0.8, usual=0.6, ambiguous=0.6))
    mistaken: float = 0.75


def plan_of(forms: Sequence[str] | None, natural: float = 0.0) -> Plan:
    """With some of the forms alone, in the proportions of SHARES; all for None. UsageError for a form that there is not.

    `natural` is how many requests are asked as people do.
    """
    shares: dict[Form, float] = {name: share for name, share in SHARES.items() if forms is None or name in forms}
    if unknown := set(forms or ()) - set(SHARES):
        raise UsageError(f"there is no form {min(unknown)!r} of a dialogue; there are {', '.join(SHARES)}")
    if not shares:
        raise UsageError(f"choose at least one form of {', '.join(SHARES)}")
    plain = Plan(shares)
    asked = {name: replace(getattr(plain, name), natural=natural) for name in ("settled", "part", "unusual")}
    return replace(plain, **asked) if natural else plain


def dialogues(seed: str, plan: Plan = Plan()) -> Iterator[Trajectory]:
    """Without end, and always the same for a seed. Of no task of the benchmark `pocket`."""
    return (dialogue for _, dialogue in with_items(seed, plan))


def with_items(seed: str, plan: Plan = Plan()) -> Iterator[tuple[Item, Trajectory]]:
    """Each dialogue with what it is about."""
    for number in count(1):
        chance = Random(f"{seed} {number}")
        form = chance.choices(list(plan.shares), list(plan.shares.values()))[0]
        unusual = _FAILURES.get(form, 0) > 0 and chance.random() < plan.mistaken
        part = plan.unusual if unusual else chance.choice((plan.settled, plan.part))
        made = _item(seed, part, number, unusual=unusual)
        if made is not None:
            yield made, _dialogue(made, number, form, chance)


def _item(seed: str, part: Part, number: int, *, unusual: bool) -> Item | None:
    """One that leaves open what is seldom meant, if it is to be `unusual`; None where chance finds none."""
    for tried in range(_TRIES):
        made = item(f"dialogues {seed} {tried}", "train", part, number)
        if made is not None and not (unusual and made.guessable):
            return made
    return None


def _dialogue(item: Item, number: int, form: Form, chance: Random) -> Trajectory:
    found = Trajectory(f"pocket-train/{number}", (Message("user", _request(item, chance)),))
    failures: list[_Failed] = []
    for nth in range(1, _FAILURES[form] + 1):
        failed = _failing(item, chance, nth, {each.wrong.source for each in failures})
        if failed is None:
            break
        if form == "person" or (form == "twice" and chance.random() < 0.3):
            remark = _remark(item.program, failed.wrong, chance)
            failed = replace(failed, said=Feedback(Source.SIMULATED_HUMAN, remark, "bad"))
        completion = _answer(failed.run.cell, failed.words, failures, item.program.with_steps(failed.wrong.steps))
        found = found.plus(Turn(completion, (failed.run,), (failed.said,)))
        failures.append(failed)
    words = comments.right(item)
    cell = Cell(f"{len(failures) + 1}.1", comments.commented(item.program.source(), words))
    answer = _answer(cell, words, failures, item.program)
    found = found.plus(Turn(answer, (Run(cell, Rehearsal().run(cell)),))).stopped(StopReason.DONE)
    return replace(found, provenance=_made_by(form if failures else "single"))


@dataclass(frozen=True, slots=True)
class _Failed:
    """An attempt that failed when it ran: the words above its steps, the error's name, and what was said of it."""

    wrong: Attempt
    words: Sequence[str]
    run: Run
    error: str
    said: Feedback


def _request(item: Item, chance: Random) -> str:
    """What is asked, sometimes with the visible tests, as a session opens that has some."""
    shown = [each.expression(item.program.function) for each in item.examples.visible]
    return f"{item.request}\n\n{tests.asked(shown)}" if chance.random() < _WITH_TESTS else item.request


def _answer(cell: Cell, words: Sequence[str], failures: Sequence[_Failed], meant: Program) -> Completion:
    """Code for the steps of `meant`, after a thought about what failed last."""
    thought = hints.thought(meant, words, failures[-1].wrong, failures[-1].error) if failures else ""
    return Completion(f"{thought}\n```python\n{cell.source}\n```".lstrip("\n"), "stop")


def _failing(item: Item, chance: Random, nth: int, tried: Set[str]) -> _Failed | None:
    """An attempt not `tried` yet that really fails."""
    for _ in range(_TRIES):
        wrong = attempt(item.program, chance, item.wording.open_steps, again=bool(tried))
        if wrong is None or wrong.source in tried:
            continue
        stage = Rehearsal()
        words = comments.attempted(item, wrong.steps)
        cell = Cell(f"{nth}.1", comments.commented(wrong.source, words))
        run = Run(cell, stage.run(cell))
        in_the_papers_words = chance.random() < _PAPER
        if not run.result.ok:
            error = run.result.error.name if run.result.error else ""
            call = item.examples.visible[0].expression(item.program.function)
            report = paper.of_failure(run.result, call) if in_the_papers_words else report_failure((run,))
            return _Failed(wrong, words, run, error, report)
        evaluated = [stage.evaluate(each.expression(item.program.function)) for each in item.examples.visible]
        failed = [each for each in evaluated if not each.held]
        if failed:
            error = next((each.result.error.name for each in failed if each.result.error), "")
            error = "" if error == "AssertionError" else error
            report = paper.of_test(failed[0]) if in_the_papers_words else tests.report(failed)
            return _Failed(wrong, words, run, error, report)
    return None


def _remark(program: Program, wrong: Attempt, chance: Random) -> str:
    """A person's words about an attempt: about all steps that are wrong, where several are, so that an answer can follow."""
    if hints.wrong_steps(program, wrong)[1:] or chance.random() < 0.3:
        return hints.oracle(program, wrong, chance)
    return hints.person(program, wrong, chance)


def _made_by(form: Form) -> dict[str, str]:
    return {"model": "rule", "method": f"pocket-{form}"}
