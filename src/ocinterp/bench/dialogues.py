"""The dialogues of a report as data for its page: each text once, changes between programs as runs of lines.

    {"texts": [text, ...],                        every text that is named by its number below
     "columns": [label, ...],
     "tasks": [[id, [[attempt, ...], ...]], ...]} for each task a list of attempts for each column

An attempt is `{"sample", "chosen": true, "kind", "prompt": [[role, text]], "turns": [turn], "critic": [prompt, completion],
"stop", "unsaid", "leaks"}`, or `{"sample", "crash"}`; of several the first that visible tests accept is chosen. A turn is `{"answer": text, "cut": true, "program": text, "edits": [...], "runs": [[cell, ending,
text]], "said": [[source, rating, text]], "verdict": [[tests, status]], "tokens": [prompt, completion]}`; what is empty is
left out. `edits` are -1, 0 or 1 (gone, kept, new) and a number of lines, again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from ocinterp.bench.attempts import Attempt
from ocinterp.bench.hidden import Scored
from ocinterp.bench.markup import visible
from ocinterp.bench.matched import accepted
from ocinterp.bench.numbers import LABELS, Measure
from ocinterp.bench.report import Report
from ocinterp.bench.run import Crash
from ocinterp.bench.standings import Standing
from ocinterp.render import clip, describe_run
from ocinterp.types import Run, Status, StopReason, Turn, Usage

LIMITS: Final = (20_000, 4_000, 1_000, 250)  # characters of a text; the first by which all of them fit
SIZE: Final = 8_000_000  # characters of all texts
_MOST_LINES = 2_000  # of programs that are compared
GONE, KEPT, NEW = -1, 0, 1

Data = dict[str, object]


def content(report: Report) -> tuple[Data, int]:
    """The data, and to how many characters its texts were cut."""
    ended = [(each.standing.measures, each.standing.ended()) for each in report.columns]
    limit = _limit(one for _, found in ended for each in found.values() for one in each)
    texts = _Texts(limit)
    tasks = [
        [task_id, [_cell(found.get(task_id, []), measures, texts) for measures, found in ended]]
        for task_id in report.task_ids
    ]
    columns = [report.label(each) for each in report.columns]
    return {"texts": list(texts.numbers), "columns": columns, "tasks": tasks}, limit


def _limit(ended: Iterable[Attempt | Crash]) -> int:
    """The first of LIMITS by which all texts fit, else the last."""
    sizes = [len(text) for text in {text for each in ended if isinstance(each, Attempt) for text in _said(each)}]
    return next((each for each in LIMITS if sum(min(size, each) for size in sizes) <= SIZE), LIMITS[-1])


def _said(attempt: Attempt) -> Iterator[str]:
    """All texts of an attempt."""
    yield from attempt.programs
    yield from (message.content for message in attempt.trajectory.prompt)
    for turn in attempt.trajectory.turns:
        yield turn.completion.text
        yield from map(describe_run, turn.runs)
        yield from (each.text for each in turn.feedback)


class _Texts:
    """Numbers for texts, equal ones the same."""

    def __init__(self, limit: int) -> None:
        self.numbers: dict[str, int] = {}
        self._limit = limit

    def cut(self, text: str) -> str:
        return clip(visible(text), self._limit)

    def add(self, text: str) -> int:
        """The number of a text, cut."""
        return self.numbers.setdefault(self.cut(text), len(self.numbers))


def _cell(ended: Sequence[Attempt | Crash], measures: Sequence[Measure], texts: _Texts) -> list[Data]:
    samples = [each for each in ended if isinstance(each, Attempt)]
    chosen = _chosen(samples) if len(samples) > 1 else None
    return [_one(each, measures, texts, chosen=each is chosen) for each in ended]


def _chosen(samples: Sequence[Attempt]) -> Attempt | None:
    found = accepted(samples)
    return found if found.trajectory.stop is StopReason.DONE else None


def _one(ended: Attempt | Crash, measures: Sequence[Measure], texts: _Texts, *, chosen: bool) -> Data:
    if isinstance(ended, Crash):
        return {"sample": ended.key.sample, "crash": texts.add(ended.reason)}
    return _attempt(ended, measures, texts) | ({"chosen": True} if chosen else {})


def _attempt(attempt: Attempt, measures: Sequence[Measure], texts: _Texts) -> Data:
    trajectory = attempt.trajectory
    found: Data = {
        "sample": attempt.key.sample,
        "kind": attempt.scored.kind(measures[-1]),
        "prompt": [[message.role, texts.add(message.content)] for message in trajectory.prompt],
        "turns": list(_turns(attempt, measures, texts)),
        "critic": _counted(attempt.critic_tokens) if attempt.critic_tokens != Usage() else None,
        "stop": str(trajectory.stop or ""),
        "unsaid": texts.cut(attempt.unsaid),
        "leaks": attempt.leaks,
    }
    return _filled(found)


def ending(attempt: Attempt, standing: Standing) -> str:
    """The last verdict on an attempt, by the tests of its setting's headline."""
    return attempt.scored.kind(standing.setting.measure)


def _turns(attempt: Attempt, measures: Sequence[Measure], texts: _Texts) -> Iterator[Data]:
    before: str | None = None
    turns = attempt.trajectory.turns
    for number, turn in enumerate(turns):
        program = attempt.programs[number] if number < len(attempt.programs) else None
        scored = attempt.turns[number] if number < len(attempt.turns) else None
        found = _turn(turn, program, before, texts)
        found["verdict"] = [] if scored is None else _verdict(scored, measures)
        before = program
        yield _filled(found)
    for scored in attempt.turns[len(turns) :]:  # of a score, which has no dialogues
        yield {"verdict": _verdict(scored, measures)}


def _turn(turn: Turn, program: str | None, before: str | None, texts: _Texts) -> Data:
    usage = turn.completion.usage
    return {
        "answer": texts.add(turn.completion.text),
        "cut": turn.completion.finish_reason == "length",
        "program": None if program is None else texts.add(program),
        "edits": None if program is None or before is None else edits(texts.cut(before), texts.cut(program)),
        "runs": [[each.cell.language, _ending(each), texts.add(describe_run(each))] for each in turn.runs],
        "said": [[str(each.source), each.rating or "", texts.add(each.text)] for each in turn.feedback],
        "tokens": None if usage is None else _counted(usage),
    }


def _counted(usage: Usage) -> list[int]:
    return [usage.prompt_tokens, usage.completion_tokens]


def _ending(run: Run) -> str:
    return "ok" if run.result.ok else str(run.result.outcome)


def _verdict(scored: Scored, measures: Sequence[Measure]) -> list[tuple[str, str]]:
    return [(LABELS[each], scored.kind(each)) for each in reversed(measures) if scored.status(each)]


def _filled(found: Data) -> Data:
    return {name: value for name, value in found.items() if value or (value == 0 and value is not False)}


def edits(before: str, after: str) -> list[int]:
    """How lines become other lines: what happens (gone, kept, new) and to how many, again and again.

    Where there are too many to be compared, all are gone and new.
    """
    old, new = (text.split("\n") if text else [] for text in (before, after))
    if max(len(old), len(new)) > _MOST_LINES:
        return [number for step in ((GONE, len(old)), (NEW, len(new))) if step[1] for number in step]
    found: list[int] = []
    for kind, low, high, start, end in SequenceMatcher(None, old, new).get_opcodes():
        steps = [(KEPT, high - low)] if kind == "equal" else [(GONE, high - low), (NEW, end - start)]
        found += [number for step in steps if step[1] for number in step]
    return found


def marks(attempts: Sequence[Attempt | Crash], measure: Measure) -> list[str]:
    """What a cell of the overview can be filtered by: how its attempts ended, and how they came to that."""
    found = dict.fromkeys(mark for each in attempts for mark in _marks(each, measure))
    return [*found] or ["missing"]


def _marks(attempt: Attempt | Crash, measure: Measure) -> Iterator[str]:
    if isinstance(attempt, Crash):
        yield "crashed"
        return
    passes = [each.status(measure) == Status.PASS for each in attempt.turns] or [False]
    yield attempt.scored.kind(measure)
    yield "solved" if passes[-1] else "unsolved"
    if passes[-1] and not passes[0]:
        yield "repaired"
    if any(passes) and not passes[-1]:
        yield "lost"
    if attempt.leaks:
        yield "leaked"
    if attempt.unsaid:
        yield "unsaid"
