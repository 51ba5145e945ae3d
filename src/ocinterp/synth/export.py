"""Rows in the forms that trainers read: dialogues, pairs of a worse and a better answer, tasks with tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ocinterp import records
from ocinterp.files import replace_lines
from ocinterp.problems import Script
from ocinterp.synth import cases, proof
from ocinterp.synth.queries import Query
from ocinterp.synth.rows import SPOKEN_OF, Row, learnt, places, trajectory
from ocinterp.types import Message, Source

Lines = Iterator[Mapping[str, Any]]


def write(form: str, rows: Iterable[Row], path: Path) -> int:
    """Write a file in one step, a row a line, and say how many lines it has. `form` is `trajectories`, or one of FORMS."""
    if form == "trajectories":
        found = [trajectory(each) for each in rows]
        records.write(path, found)
        return len(found)
    return _written(FORMS[form](rows), path)


def write_tasks(questions: Iterable[Query], path: Path) -> int:
    """Questions with tests, as tasks to practise on (docs/rl.md): those of which a function is judged by asserts."""
    return _written(_tasks(questions), path)


def _written(rows: Lines, path: Path) -> int:
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for each in rows:
            count += 1
            yield json.dumps(each, ensure_ascii=False).encode() + b"\n"

    replace_lines(path, lines())
    return count


def _tasks(questions: Iterable[Query]) -> Lines:
    for each in questions:
        found = proof.problem(each)
        if found is not None and isinstance(found.tests, Script) and each.facts.entry_point != cases.PRINTED:
            yield {
                "task_id": each.id, "prompt": each.text, "entry_point": found.task.entry_point,
                "reference": found.reference, "setup": found.tests.setup, "tests": found.tests.source,
                "visible_tests": [],
            }  # fmt: skip


def _spoken(rows: Iterable[Row]) -> Iterator[tuple[Row, tuple[Message, ...]]]:
    """Rows with their messages up to the last answer that is right; without those that have none."""
    yield from ((each, said) for each in rows if (said := learnt(each)))


def _messages(rows: Iterable[Row]) -> Lines:
    """As TRL, axolotl and the paper's own release have them; with the row's name, method and licence."""
    for each, said in _spoken(rows):
        yield {
            "id": each.id,
            "messages": [{"role": one.role, "content": one.content} for one in said],
            "method": each.method,
            "verified": each.verified,
            "licences": sorted({one.licence for one in each.sources}),
        }


def _sharegpt(rows: Iterable[Row]) -> Lines:
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    for each, said in _spoken(rows):
        told = [{"from": names[one.role], "value": one.content} for one in said]
        yield {"id": each.id, "conversations": told}


def _alpaca(rows: Iterable[Row]) -> Lines:
    """The last question and its answer; what was said before as pairs (LLaMA-Factory's `history`)."""
    for _, said in _spoken(rows):
        spoken = [one for one in said if one.role != "system"]
        pairs = [(one.content, two.content) for one, two in zip(spoken[::2], spoken[1::2], strict=False)]
        if not pairs or any(one.role != ("user", "assistant")[at % 2] for at, one in enumerate(spoken)):
            continue
        system = next((one.content for one in said if one.role == "system"), "")
        *before, (asked, answer) = pairs
        yield {
            "instruction": asked,
            "input": "",
            "output": answer,
            "system": system,
            "history": [list(one) for one in before],
        }


def _preferences(rows: Iterable[Row]) -> Lines:
    """Pairs for DPO: to the same question the first answer, whose code failed or that was found wrong, and the first that was right.

    One that also does what somebody wished for later is no answer to the question alone, and makes no pair.
    """
    for each in rows:
        first = next((one for one in each.turns if one.index == 0 and not one.train), None)
        last = next((one for one in each.turns if one.train and _ran(each, one.index)), None)
        if first is None or last is None or _wished(each, last.index):
            continue
        at = next(number for number, one in enumerate(each.messages) if one.role == "assistant")
        yield {
            "id": each.id,
            "prompt": [{"role": one.role, "content": one.content} for one in each.messages[:at]],
            "chosen": [{"role": "assistant", "content": last.text}],
            "rejected": [{"role": "assistant", "content": first.text}],
        }


def _wished(row: Row, turn: int) -> bool:
    """Whether anything was said before a turn but what is wrong."""
    people = (Source.HUMAN, Source.SIMULATED_HUMAN, Source.ORACLE)
    return any(one.turn < turn and one.source in people and one.rating != "bad" for one in row.feedback)


def _ran(row: Row, turn: int) -> bool:
    return any(one.turn == turn for one in row.executions)


def _feedback(rows: Iterable[Row]) -> Lines:
    """What a person said of an answer: the dialogue up to it, the last answer that has code, and the answer to what they said."""
    for each in rows:
        for one in each.feedback if each.method in SPOKEN_OF else ():
            if one.source in (Source.SIMULATED_HUMAN, Source.HUMAN) and one.turn + 1 < len(each.turns):
                until = each.messages[: places(each)[one.turn] + 1]
                ran = [said.text for said in each.turns[: one.turn + 1] if _ran(each, said.index)]
                yield {
                    "id": each.id, "messages": [{"role": said.role, "content": said.content} for said in until],
                    "before": ran[-1] if ran else "", "feedback": one.text, "category": one.category,
                    "after": each.turns[one.turn + 1].text, "followed": one.followed,
                }  # fmt: skip


FORMS: Final[Mapping[str, Callable[[Iterable[Row]], Lines]]] = {
    "messages": _messages, "sharegpt": _sharegpt, "alpaca": _alpaca, "dpo": _preferences, "feedback": _feedback,
}  # fmt: skip
