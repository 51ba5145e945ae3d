"""What a reader of an evaluation's numbers must know, in sentences, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ocinterp.bench.comparison import Comparison
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.numbers import between, count, percent, reasons
from ocinterp.bench.recorded import Difference
from ocinterp.bench.seats import Setting
from ocinterp.bench.standings import Standing
from ocinterp.types import Usage

Level = Literal["grave", "detail", "warning", "remark"]

SOLUTION = "** and a critic had the solution"
SHOWN = "* scoring tests were shown, as in the paper: an upper bound, to be compared with no pass@1"
ESTIMATED = "tokens that were not counted are estimated, at four bytes each"
UNPRICED = "dollars are without a critic's tokens, which have no price: --critic-price"
UNKNOWN = "the dataset's md5 is not one that was published: compare these numbers with no others"
PAIRED = "differences in points, tasks gained and lost, McNemar's exact p; of resample the first sample counts"
MATCHED = (
    "as many tokens: independent answers drawn, a task; pass@1 of one of them, of the first that visible tests accept, "
    "of any that is right; gain of the setting on the number with <"
)


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence, and how much it matters. A detail belongs to what is above it."""

    text: str
    level: Level


def of(evaluation: Evaluation) -> Iterator[Note]:
    """The gravest first."""
    yield from unfinished(evaluation)
    if any(True for _ in evaluation.pairs()):
        yield Note(PAIRED, "remark")
    if any(True for _ in evaluation.matches()):
        yield Note(MATCHED, "remark")
    if not evaluation.dataset.known:
        yield Note(UNKNOWN, "warning")
    yield from _marks(each.setting for each in evaluation.standings)
    if (
        evaluation.price
        and not evaluation.critic_price
        and any(e.critic_usage != Usage() for e in evaluation.standings)
    ):
        yield Note(UNPRICED, "remark")
    for each in evaluation.standings:
        yield from of_setting(each)


def of_comparison(found: Comparison) -> Iterator[Note]:
    """What a reader must know, the gravest first."""
    for name, run in found.models.items():
        yield from unfinished(run, name)
    if found.left_out:
        yield Note(f"{count(found.left_out, 'task')} that not all runs have, left out of all numbers", "warning")
    for option, values in found.options.items():
        told = ", ".join(f"{name} {value or 'none'}" for name, value in values.items())
        yield Note(f"not made alike: {option} is {told}", "warning")
    if found.alone:
        yield Note(f"settings of one run alone, left out: {', '.join(found.alone)}", "warning")
    pairs = sum(1 for _ in found.pairs())
    if pairs:
        yield Note(PAIRED, "remark")
    if any(True for _ in found.matches()):
        yield Note(MATCHED, "remark")
    if pairs > 1:
        yield Note(f"p is of each of {pairs} comparisons by itself: among so many a small one may be chance", "remark")
    if not found.dataset.known:
        yield Note(UNKNOWN, "warning")
    standings = [(name, each) for setting in found.settings for name, each in found.standings(setting).items()]
    yield from _marks(each.setting for _, each in standings)
    for name in dict.fromkeys(name for name, each in standings if each.estimated):
        yield Note(f"{name}: {ESTIMATED}", "remark")


def _marks(settings: Iterable[Setting]) -> Iterator[Note]:
    """What the marks beside settings mean, as far as there are any."""
    marks = {each.mark for each in settings}
    if marks & {"*", "**"}:
        yield Note(SHOWN, "warning")
    if "**" in marks:
        yield Note(SOLUTION, "warning")


def unfinished(evaluation: Evaluation, name: str = "") -> Iterator[Note]:
    """Why there is no headline, where there is none. `name` says whose evaluation it is."""
    whose = f"{name}: " if name else ""
    if evaluation.crashed:
        attempts = count(evaluation.crashed, "attempt")
        yield Note(f"{whose}{attempts} without a verdict: no pass@1 there; --resume tries them again", "grave")
        for reason in reasons(evaluation.reasons):
            yield Note(reason, "detail")
    if evaluation.missing:
        attempts = count(evaluation.missing, "attempt")
        yield Note(f"{whose}{attempts} not made yet: no pass@1 there; --resume goes on", "grave")


def of_setting(standing: Standing, name: str = "") -> Iterator[Note]:
    """What is to be said of one setting, under the name that a table has for it."""
    name = name or standing.setting.name
    yield Note(f"{name}: {standing.setting.label}", "remark")
    if standing.estimated:
        yield Note(f"{name}: {ESTIMATED}", "remark")
    if standing.most_samples > 1:
        yield Note(f"{name}: {_answers(standing)}", "remark")
    k = standing.setting.samples
    if k > 1 and (found := standing.estimate(standing.setting.measure, k)) is not None:
        yield Note(f"{name}: pass@{k} {percent(found.value)} ({between(found.interval)})", "remark")
    if (chosen := standing.chosen) is not None:
        words = f"{percent(chosen.value)} ({between(chosen.interval)}) by unseen tests"
        yield Note(f"{name}: pass@1 of the first answer that visible tests accept {words}", "remark")
    leaked = sum(each.leaks > 0 for each in standing.attempts())
    if leaked:
        yield Note(f"{name}: in {count(leaked, 'attempt')} the critic quoted the solution", "warning")
    unsaid = sum(bool(each.unsaid) for each in standing.attempts())
    if unsaid:
        yield Note(f"{name}: {count(unsaid, 'dialogue')} ended for want of an answer", "warning")


def _answers(standing: Standing) -> str:
    """How many of a task."""
    mean, most = f"{standing.mean_samples:.1f}", standing.most_samples
    return f"{most:,} answers a task" if mean == f"{most}.0" else f"{mean} answers a task in the mean, {most:,} at most"


def disagreements(differences: Iterable[Difference]) -> Iterator[Note]:
    """Where a log says otherwise."""
    for each in differences:
        why = f": {each.why}" if each.why else ""
        yield Note(
            f"{each.setting}: {each.task_id}: the log says {each.recorded}, our verdict is {each.judged}{why}",
            "warning",
        )
