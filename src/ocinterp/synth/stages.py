"""The stages that ask models: how hard a question is, and the five methods of the paper, each a function of one row.

A row that cannot be made says why and is left out. What a budget does not allow, and a model or a sandbox that fails, ends the
run: the journal has what was paid for, and the same command goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from random import Random
from typing import Final, TypeVar

from ocinterp import records
from ocinterp.errors import ModelError
from ocinterp.models.refusals import OF_ONE_REQUEST, REFUSED_TOGETHER, RequestRefused
from ocinterp.synth import correct, follow, hardness, pack, prompts, proof, similar
from ocinterp.synth.chance import lot
from ocinterp.synth.crowd import in_order
from ocinterp.synth.desk import Bill, Desk, Refusals
from ocinterp.synth.folder import STOPPED, Done, Stage
from ocinterp.synth.follow import Followed
from ocinterp.synth.hardness import Judged
from ocinterp.synth.neighbours import nearest
from ocinterp.synth.plan import Plan
from ocinterp.synth.queries import Query, Rejected, Solution, refused
from ocinterp.synth.replies import NoRowError
from ocinterp.synth.rows import IN_PART, Method, Row, row
from ocinterp.synth.simulate import Cast, simulate
from ocinterp.types import Completion, Feedback, Message, Source, StopReason, Trajectory, Turn

_T = TypeVar("_T")
_R = TypeVar("_R")
_PART_ROWS: Final = 500  # of stages that ask models
_SHOWN: Final = 3  # tests, where any are shown


async def judge(desk: Desk, before: Stage, rows: int, stage: Stage) -> Done:
    """Questions with their scores, whatever these are; nobody is asked where the plan's `least` is 0.

    Problems that come with their programs are not judged: as in the paper, they have methods of their own. Nor are dialogues
    that people had.
    """

    silent = 0  # questions in a row

    async def one(query: Query) -> Judged:
        nonlocal silent
        if not desk.plan.least or query.facts.solutions or query.record:
            return Judged(query)
        bill = Bill(desk, "")
        name = bill.name("judge")
        try:
            found = await hardness.scores(query.text, bill.patient("judge"), name)
        except NoRowError as error:
            silent += 1
            if silent >= REFUSED_TOGETHER:
                advice = "with another judge in its plan, `ocinterp synth extend` asks nobody else again"
                raise ModelError(f"{name}: {silent} questions one after the other, and {error}; {advice}") from error
            raise
        silent = 0
        return Judged(query, found)

    return await _made(desk, stage, Judged, before.rows(Query), rows, one, _about_query, patient=True)


async def _made(
    desk: Desk,
    stage: Stage,
    kind: type[_R],
    rows: Iterable[_T],
    total: int,
    act: Callable[[_T], Awaitable[_R | str]],
    about: Callable[[_T], Iterable[Query]],
    *,
    patient: bool = False,
    left: Iterable[Rejected] = (),
) -> Done:
    """Carry out `act` for each of `total` rows, and write what it gives; a text is why there is nothing. `left` were not given to it.

    Where `patient` acts wait for a batch, more of them are under way, and nobody who wants to stop waits for them: the batch
    is at the server, and whoever goes on with the run collects it.
    """
    at_once = desk.rows_that_wait if patient else desk.at_once
    leave = patient and desk.patient is not None
    stage.begin()
    desk.watch.begin(stage.name, total)
    rejected = list(left)
    part: list[_R] = []
    number, kept = count(), 0
    refusals = Refusals()
    async for given, made in in_order(rows, _excused(act), at_once, desk.stop, leave=leave):
        refusals.hear(made.error if isinstance(made, _Declined) else None)
        desk.watch.row(not isinstance(made, str))
        if isinstance(made, str):
            rejected += [refused(each, made) for each in about(given)]
            continue
        part.append(made)
        kept += 1
        if len(part) == _PART_ROWS:
            stage.write(kind, part, next(number))
            part = []
    if part:
        stage.write(kind, part, next(number))
    if desk.stop():
        return Done(kept, len(rejected), {STOPPED: 1})
    refusals.end()
    return stage.finish(kept, rejected)


class _Declined(str):
    """Why there is no row: a server did not take what was asked for it."""

    error: RequestRefused


def _excused(act: Callable[[_T], Awaitable[_R | str]]) -> Callable[[_T], Awaitable[_R | str]]:
    """What a model says so that nobody can use it, and what a server does not take, is why there is no row. A model that cannot be asked
    ends the run.
    """

    async def excused(given: _T) -> _R | str:
        try:
            return await act(given)
        except NoRowError as error:
            return str(error)
        except OF_ONE_REQUEST as error:
            if not isinstance(error, RequestRefused):
                return f"a model: {error}"
            declined = _Declined(f"a model: {error}")
            declined.error = error
            return declined

    return excused


def _about_query(query: Query) -> tuple[Query]:
    return (query,)


def _about_judged(judged: Judged) -> tuple[Query]:
    return (judged.query,)


def _about_all(group: Sequence[Judged]) -> list[Query]:
    return [each.query for each in group]


@dataclass(frozen=True, slots=True)
class Shares:
    """Which questions go to which method, in the order in which they were taken: none goes to two."""

    chat: tuple[Judged, ...]
    similar: tuple[tuple[Judged, ...], ...]
    follow_ups: tuple[tuple[Judged, Followed], ...]
    correction: tuple[Judged, ...]
    simulation: tuple[Judged, ...]
    packing: tuple[Judged, ...]


def shares(desk: Desk, rows: Sequence[Judged]) -> Shares:
    """Dialogues as they are; problems with several programs, and with tags and tests; of the others by chance."""
    sizes, seed = desk.plan.sizes, desk.plan.seed
    had = tuple(each for each in rows if each.query.record)
    rows = [each for each in rows if not each.query.record]
    by_id = {each.query.id: each for each in rows}
    queries = _joined([each.query for each in rows])
    followed = [each for each in follow.follow_ups(queries, seed) if each.query.facts.tests][: sizes.follow_up]
    used = {each.query.id for each in followed}
    tested = [each for each in queries if each.id not in used and each.facts.tests and each.facts.solutions]
    alike = [group for group, _ in zip(similar.groups(tested, seed), range(sizes.similar), strict=False)]
    used |= {each.id for group in alike for each in group}
    rest = [each for each in rows if each.query.id not in used]
    rest.sort(key=lambda each: lot(each.query.id, f"shares {seed}"))
    first = sizes.corrections(len(rest))
    corrected = rest[:first]
    simulated = rest[first : first + sizes.simulation]
    packed = rest[first + sizes.simulation :]
    return Shares(
        had,
        tuple(tuple(replace(by_id[each.id], query=each) for each in group) for group in alike),
        tuple((by_id[each.query.id], each) for each in followed),
        tuple(corrected),
        tuple(simulated),
        tuple(packed),
    )


def _joined(queries: Sequence[Query]) -> list[Query]:
    """With the tests of a problem of the same name, for those that have none."""
    tested = {each.facts.name: each.facts for each in queries if each.facts.name and each.facts.tests}
    found: list[Query] = []
    for each in queries:
        known = tested.get(each.facts.name)
        if known is not None and not each.facts.tests:
            facts = replace(each.facts, entry_point=known.entry_point, setup=known.setup, tests=known.tests)
            each = replace(each, facts=facts)
        found.append(each)
    return found


async def chat(desk: Desk, rows: Sequence[Judged], stage: Stage) -> Done:
    """Sessions that people had, and rated: nothing is asked or run."""

    async def one(given: Judged) -> Row:
        had = records.loads(given.query.record)
        by = [had.provenance.get("model") or "unknown"] * len(had.turns)
        return row(had, "chat", [given.query.origin], by)

    return await _made(desk, stage, Row, rows, len(rows), one, _about_judged)


async def simulation(desk: Desk, rows: Sequence[Judged], stage: Stage) -> Done:
    async def one(given: Judged) -> Row:
        bill = Bill(desk, given.query.id)
        weak, strong, person, judge = (bill.model(part) for part in ("weak", "strong", "person", "judge"))
        those = Cast(weak, strong, person, judge, desk.sandbox)
        found = await simulate(given.query, those, _shown(desk.plan, given.query))
        turns = found.trajectory.turns
        by = [bill.name("weak"), *[bill.name("strong")] * (len(turns) - 1)]
        spoken = [
            at
            for at, turn in enumerate(turns)
            if any(each.source is Source.SIMULATED_HUMAN and each.text for each in turn.feedback)
        ]
        opinions = dict.fromkeys(spoken, found.opinion) if found.opinion else {}
        made = row(found.trajectory, "simulation", [given.query.origin], by, opinions, bill.name("person"))
        return replace(made, scores=given.scores, calls=tuple(bill.calls))

    return await _made(desk, stage, Row, rows, len(rows), one, _about_judged)


def _shown(plan: Plan, query: Query) -> list[str]:
    """The first tests of a question that are expressions, where chance will have it that they are shown."""
    chance = int.from_bytes(lot(query.id, f"shown {plan.seed}")) / 2**64
    return proof.expressions(query)[:_SHOWN] if chance < plan.tests_shown else []


async def correction(desk: Desk, rows: Sequence[Judged], stage: Stage) -> Done:
    kinds = list(prompts.MISTAKES)

    async def one(given: Judged) -> Row:
        bill = Bill(desk, given.query.id)
        kind = Random(f"{desk.plan.seed} {given.query.id}").choice(kinds)
        found = await correct.correct(given.query, kind, bill.model("strong"), desk.sandbox)
        made = row(found, "correction", [given.query.origin], [bill.name("strong")] * len(found.turns))
        return replace(
            made, scores=given.scores, calls=tuple(bill.calls), provenance={**made.provenance, "mistake": kind}
        )

    return await _made(desk, stage, Row, rows, len(rows), one, _about_judged)


async def packing(desk: Desk, rows: Sequence[Judged], stage: Stage) -> Done:
    """Questions that are near each other, with the answers that their sources have; nothing is run."""
    plan = desk.plan
    rows, left = _different(rows)
    vectors = await desk.vectors([each.query.text for each in rows], desk.ledger)
    if vectors is None:
        return Done(0, 0, {STOPPED: 1})
    found = await asyncio.to_thread(nearest, vectors, pack.WIDE)
    rule: pack.Rule = "paper" if plan.rule == "paper" else "free"
    packs = pack.packs(found, plan.seed, rule, plan.apart)

    async def one(given: Sequence[Judged]) -> Row:
        turns = [(each.query.text, each.query.answer) for each in given]
        dialogue = _spoken(given[0].query.id, turns)
        made = row(dialogue, "packing", [each.query.origin for each in given], ["source"] * len(turns))
        return replace(made, languages=tuple(dict.fromkeys(filter(None, (each.query.language for each in given)))))

    chosen = [[rows[at] for at in each.questions] for each in islice(packs, plan.sizes.packing)]
    packed = {each.query.id for those in chosen for each in those}
    left += [refused(each.query, "it is in no pack") for each in rows if each.query.id not in packed]
    return await _made(desk, stage, Row, chosen, len(chosen), one, _about_all, left=left)


def _different(rows: Sequence[Judged]) -> tuple[list[Judged], list[Rejected]]:
    """Questions whose sources answer them, no two with the same words; and why the others are left."""
    seen: set[str] = set()
    kept, left = list[Judged](), list[Rejected]()
    for each in rows:
        answer = " ".join(each.query.answer.split())
        if answer and answer not in seen:
            kept.append(each)
        else:
            left.append(refused(each.query, "it is answered as another is" if answer else "its source has no answer"))
        seen.add(answer)
    return kept, left


async def similar_problems(desk: Desk, groups: Sequence[Sequence[Judged]], stage: Stage) -> Done:
    """Problems that are alike, each answered by its source's program, which must pass the problem's tests."""

    async def one(given: Sequence[Judged]) -> Row | str:
        wanted = [(each.query, each.query.facts.solutions[0]) for each in given]
        return await _of_solutions(desk, "similar", [(query.text, query, solution) for query, solution in wanted])

    return await _made(desk, stage, Row, groups, len(groups), one, _about_all, patient=True)


async def follow_ups(desk: Desk, those: Sequence[tuple[Judged, Followed]], stage: Stage) -> Done:
    """One problem in several ways; each program in Python must pass the problem's tests."""

    async def one(given: tuple[Judged, Followed]) -> Row | str:
        followed = given[1]
        asked = (followed.query.text, *followed.asked)
        told = zip(asked, followed.solutions, strict=True)
        return await _of_solutions(desk, "follow-up", [(words, followed.query, solution) for words, solution in told])

    return await _made(desk, stage, Row, those, len(those), one, lambda each: (each[0].query,), patient=True)


async def _of_solutions(desk: Desk, method: Method, turns: Sequence[tuple[str, Query, Solution]]) -> Row | str:
    """A dialogue of questions and programs that are there already; a model, if there is one, says what stands before a program."""
    judged = [(query, each.source) for _, query, each in turns if each.language == "python"]
    held = await proof.passing(desk.jury, judged)
    if not all(held):
        return "a program does not pass its problem's tests" if False in held else "a program could not be judged"
    bill = Bill(desk, turns[0][1].id)
    said: list[tuple[str, str]] = []
    for asked, _, solution in turns:
        words = solution.words or (await _before(bill, said, asked, solution) if "strong" in desk.plan.players else "")
        program = f"```{solution.language}\n{solution.source.strip()}\n```"
        said.append((asked, f"{words.strip()}\n\n{program}" if words else program))
    sources = list({query.origin.id: query.origin for _, query, _ in turns}.values())
    ours = method == "follow-up"  # the words in between, which are another question else
    asker = Source.SIMULATED_HUMAN if ours else Source.HUMAN
    made = row(_spoken(turns[0][1].id, said, asker), method, sources, ["source"] * len(said), person="rule")
    languages = tuple(dict.fromkeys(each.language for _, _, each in turns))
    proven = len(judged) == len(said)
    kind = "tests" if proven else IN_PART if judged else ""
    return replace(made, calls=tuple(bill.calls), languages=languages, verified=proven, verify_kind=kind)


async def _before(bill: Bill, said: Sequence[tuple[str, str]], asked: str, solution: Solution) -> str:
    """What a model says before a program (the paper's annotator)."""
    dialogue = "\n\n".join(f"User: {one}\n\nProgrammer: {two}" for one, two in said)
    brief = prompts.BEFORE_CODE.format(dialogue=f"{dialogue}\n\nUser: {asked}".strip(), code=solution.source)
    text = (await bill.patient("strong").generate((Message("user", brief),))).text.strip()
    if not text or "```" in text:
        raise NoRowError("a model was to say what stands before a program, and gave code or nothing")
    return text


def _spoken(name: str, turns: Iterable[tuple[str, str]], asker: Source = Source.HUMAN) -> Trajectory:
    """Questions and answers as a dialogue: the next question is what is said of an answer."""
    (first, *later) = list(turns)
    found = Trajectory(name, (Message("user", first[0]),)).plus(Turn(Completion(first[1])))
    for asked, answer in later:
        found = found.answered((Feedback(asker, asked),)).plus(Turn(Completion(answer)))
    return found.stopped(StopReason.DONE)


def tested(rows: Iterable[Judged]) -> dict[str, Query]:
    """The questions that have tests, by the id of their origin."""
    return {each.id: each for each in _joined([each.query for each in rows]) if each.facts.tests}


def all_rows(stages: Iterable[Stage]) -> Iterator[Row]:
    """Of all methods, in order; a row that is there twice once."""
    seen: set[str] = set()
    for stage in stages:
        for each in stage.rows(Row):
            if each.id not in seen:
                seen.add(each.id)
                yield each
