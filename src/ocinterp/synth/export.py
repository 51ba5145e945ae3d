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
from ocinterp.synth.rows import PEOPLE, SPOKEN_OF, Heard, Row, Said, answer_to, learnt, places, trajectory
from ocinterp.types import Message

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
        if found is None or each.facts.entry_point == cases.PRINTED:
            continue
        if isinstance(found.tests, Script) and found.tests.kind == "asserts":
            yield {
                "task_id": each.id, "prompt": each.text, "entry_point": found.task.entry_point,
                "reference": found.reference, "setup": found.tests.setup, "tests": found.tests.source,
                "visible_tests": [],
            }  # fmt: skip


def _spoken(rows: Iterable[Row]) -> Iterator[tuple[Row, tuple[Message, ...]]]:
    """Rows with their messages up to the last answer that is right; without those that have none."""
    yield from ((each, said) for each in rows if (said := learnt(each)))


def _weights(row: Row) -> list[Mapping[str, int]]:
    """Of each of its messages that is an answer a `weight`: 1 if it should be learnt, 0 if it is wrong, or was given in the request."""
    learnt_at = {at for at, each in zip(places(row), row.turns, strict=True) if each.train}
    return [
        {"weight": int(at in learnt_at)} if each.role == "assistant" else {} for at, each in enumerate(row.messages)
    ]


def _messages(rows: Iterable[Row]) -> Lines:
    """As TRL, axolotl and the paper's own release have them, `weight` as OpenAI; with the row's name, method and licence."""
    for each, said in _spoken(rows):
        yield {
            "id": each.id,
            "messages": [
                {"role": one.role, "content": one.content, **weight}
                for one, weight in zip(said, _weights(each), strict=False)  # which may be cut short
            ],
            "method": each.method,
            "verified": each.verified,
            "licences": sorted({one.licence for one in each.sources}),
        }


def _sharegpt(rows: Iterable[Row]) -> Lines:
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    for each, said in _spoken(rows):
        told = [
            {"from": names[one.role], "value": one.content, **weight}
            for one, weight in zip(said, _weights(each), strict=False)
        ]
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
    """Pairs for DPO, of two `kind`s.

    `execution`: to a question the first answer, whose code failed or that was found wrong, and the first that was right. Where
    somebody had a word in between, the question alone does not ask for that, and there is no pair.
    `human`: to what a person said of a program the answer that did it at once, and that program, as if nobody had said anything.
    """
    for each in rows:
        ran = [one for one in each.turns if _ran(each, one.index)]
        first = next((one for one in each.turns if one.index == 0 and not one.train), None)
        right = next((one for one in ran if one.train), None)
        if first is not None and right is not None and not any(one.turn < right.index for one in _remarks(each)):
            yield _pair(each, "execution", 0, right, first)
        for turn in sorted({one.turn for one in _remarks(each) if _asks_for_another(each, one)}):
            before = next((said for said in reversed(ran) if said.index <= turn), None)
            after = answer_to(each, turn)
            if before is not None and after is not None and after.index == turn + 1 and after.train:
                yield _pair(each, "human", after.index, after, before)


def _asks_for_another(row: Row, said: Heard) -> bool:
    """Whether a person wanted another program in place of the one before, and got it: in a session what they go on with may be anything."""
    if row.method == "chat":
        ratings = {one.rating for one in row.feedback if one.turn == said.turn}
        return "bad" in ratings and "good" not in ratings
    return row.method == "simulation" and said.followed.startswith("yes")


def _remarks(row: Row) -> list[Heard]:
    """What people said of its answers, in words."""
    return [each for each in row.feedback if each.source in PEOPLE and each.text]


def _pair(row: Row, kind: str, turn: int, chosen: Said, rejected: Said) -> Mapping[str, Any]:
    return {
        "id": row.id, "kind": kind,
        "prompt": [{"role": one.role, "content": one.content} for one in row.messages[: places(row)[turn]]],
        "chosen": [{"role": "assistant", "content": chosen.text}],
        "rejected": [{"role": "assistant", "content": rejected.text}],
    }  # fmt: skip


def _ran(row: Row, turn: int) -> bool:
    return any(one.turn == turn for one in row.executions)


def _feedback(rows: Iterable[Row]) -> Lines:
    """What a person said of an answer: the dialogue up to it, the last answer that has code, and the answer to what they said."""
    for each in rows:
        for one in _remarks(each) if each.method in SPOKEN_OF else ():
            after = answer_to(each, one.turn) or next((said for said in each.turns if said.index == one.turn + 1), None)
            if after is not None:
                until = each.messages[: places(each)[one.turn] + 1]
                ran = [said.text for said in each.turns[: one.turn + 1] if _ran(each, said.index)]
                yield {
                    "id": each.id, "messages": [{"role": said.role, "content": said.content} for said in until],
                    "before": ran[-1] if ran else "", "feedback": one.text, "category": one.category,
                    "after": after.text, "followed": one.followed,
                }  # fmt: skip


FORMS: Final[Mapping[str, Callable[[Iterable[Row]], Lines]]] = {
    "messages": _messages, "sharegpt": _sharegpt, "alpaca": _alpaca, "dpo": _preferences, "feedback": _feedback,
}  # fmt: skip
