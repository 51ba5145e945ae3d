"""What a run may cost at most, before it begins: calls, tokens, dollars and hours of each stage. Nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ocinterp.synth import follow, pack, prompts, similar, sources
from ocinterp.synth.plan import Plan, Player

TOKEN_BYTES: Final = 4  # of a token, as texts and programs have on average
_PROGRAMS: Final = 3  # of a dialogue of problems that are alike, or of one in several ways, at most
_TEMPLATE: Final = 300  # tokens of what stands around a question


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one stage: rows that it scores or makes, at most, and what they take."""

    stage: str
    rows: int
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0

    def hours(self, at_once: int, seconds: float) -> float:
        """With so many calls at once, each of which takes so long."""
        return self.calls * seconds / at_once / 3600


@dataclass(frozen=True, slots=True)
class Measured:
    """The questions of a plan: how many, and how many tokens one has on average."""

    rows: int
    tokens: float
    problems: int  # with programs of their own: they are not judged
    alike: int = 0  # of these, with tags enough to have some in common with others
    several: int = 0  # of these, with several programs
    dialogues: int = 0  # that were had before: nobody is asked about them
    refused: int = 0  # rows that are no questions, or under a licence that the plan does not have
    silent: int = 0  # questions with tests that say nothing of a program


def measured(plan: Plan) -> Measured:
    """Reads all inputs once. DataError for a file that cannot be read."""
    rows = size = problems = alike = several = dialogues = 0
    left = sources.Left()
    for found in sources.taken(plan, left):
        rows += 1
        size += len(found.text.encode())
        problems += (solved := bool(found.facts.solutions))
        alike += solved and len(set(found.facts.tags)) >= similar.FEWEST
        several += len(follow.different(found.facts.solutions)) > 1
        dialogues += bool(found.record)
    return Measured(
        rows, size / TOKEN_BYTES / max(1, rows), problems, alike, several, dialogues, len(left.rows), left.silent
    )


def estimates(plan: Plan, questions: Measured) -> Iterator[Estimate]:
    """Of the stages that ask models, each at its most: all questions are hard, and dialogues have as many answers as there may be."""
    asked = questions.rows - questions.problems - questions.dialogues
    if plan.least:
        yield _judging(plan, questions, asked)
    if "strong" in plan.players:
        yield from _wording(plan, questions)
    left = asked + questions.problems  # who knows how many of them find others that are like them
    corrected = plan.sizes.corrections(left)
    simulated = min(plan.sizes.simulation, left - corrected)
    if corrected:
        yield _correction(plan, questions, corrected)
    if simulated:
        yield _simulation(plan, questions, simulated)
    if plan.cross_check and (checked := corrected + simulated + questions.dialogues):
        yield _cross_checking(plan, questions, checked)
    packed = left - corrected - simulated
    embedder = plan.players.get("embedder")
    calls, read = (packed, round(packed * questions.tokens)) if embedder else (0, 0)
    cost = read * embedder.price_in / 1e6 if embedder else 0.0
    yield Estimate("packing", min(packed // pack.FEWEST, plan.sizes.packing), calls, read, 0, cost)


def _judging(plan: Plan, questions: Measured, rows: int) -> Estimate:
    player = plan.player("judge")
    prompt = len(prompts.SIMPLE) / TOKEN_BYTES + questions.tokens
    return _sum("judge", rows, [(player, 2 * rows, prompt, min(32, player.max_tokens))])


def _wording(plan: Plan, questions: Measured) -> Iterator[Estimate]:
    """What stands before each program of problems that are alike, and of one that is solved in several ways."""
    strong = plan.player("strong")
    most = {
        "similar": (plan.sizes.similar, questions.alike // 2),
        "follow-up": (plan.sizes.follow_up, questions.several),
    }
    for stage, (wanted, there) in most.items():
        if wanted and questions.problems:
            rows, read = min(wanted, there), _PROGRAMS * (questions.tokens + _TEMPLATE)
            yield _sum(stage, rows, [(strong, _PROGRAMS * rows, read, min(100.0, strong.max_tokens))])


def _correction(plan: Plan, questions: Measured, rows: int) -> Estimate:
    """One broken answer and up to three that mend it."""
    strong = plan.player("strong")
    answer = strong.max_tokens / 2
    first = questions.tokens + _TEMPLATE
    turns = [(strong, rows, first + at * (answer + _TEMPLATE), answer) for at in range(4)]
    return _sum("correction", rows, turns)


def _simulation(plan: Plan, questions: Measured, rows: int) -> Estimate:
    """A weak answer, up to three strong ones, a person, a judge, and up to two answers more."""
    weak, strong = plan.player("weak"), plan.player("strong")
    answer = strong.max_tokens / 2
    first = questions.tokens + _TEMPLATE
    turns = [(weak, rows, first, weak.max_tokens / 2)]
    turns += [(strong, rows, first + at * (answer + _TEMPLATE), answer) for at in range(1, 6)]
    turns += [(plan.player(part), rows, first + 3 * answer, 100.0) for part in ("person", "judge")]
    return _sum("simulation", rows, turns)


def _cross_checking(plan: Plan, questions: Measured, rows: int) -> Estimate:
    """Tests, and the programs that have to agree on them."""
    tester, solver = plan.player("tester"), plan.player("solver")
    first = questions.tokens + _TEMPLATE
    return _sum(
        "verify",
        rows,
        [(tester, rows, first, tester.max_tokens / 2), (solver, plan.cross_check * rows, first, solver.max_tokens / 2)],
    )


def _sum(stage: str, rows: int, turns: list[tuple[Player, int, float, float]]) -> Estimate:
    calls = sum(count for _, count, _, _ in turns)
    read = sum(count * tokens for _, count, tokens, _ in turns)
    said = sum(count * tokens for _, count, _, tokens in turns)
    cost = sum(count * (one * each.price_in + two * each.price_out) for each, count, one, two in turns) / 1e6
    return Estimate(stage, rows, calls, round(read), round(said), cost)
