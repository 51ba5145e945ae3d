"""A row of the dataset: a dialogue with all that is known of it, flat, so that it can be asked in SQL.

`messages` is what a trainer reads. From `turns`, `executions` and `feedback` the trajectory can be had again, which is what
training and the journal know; nothing in a row says more than that, and nothing is left out of it but figures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ocinterp.synth.decontaminate import Hit
from ocinterp.synth.hardness import Score
from ocinterp.synth.queries import Origin
from ocinterp.synth.simulate import Opinion
from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Failure,
    Feedback,
    FinishReason,
    Message,
    Outcome,
    Rating,
    Run,
    Source,
    StopReason,
    Trajectory,
    Turn,
)

FORMAT: Final = "ocinterp-row/1"
IN_PART: Final = (
    "tests-in-part"  # some of its programs pass their tests, and of the others, in other languages, nothing is known
)
Method = Literal["packing", "simulation", "correction", "similar", "follow-up", "chat", "pocket"]

PEOPLE: Final = frozenset({Source.HUMAN, Source.SIMULATED_HUMAN, Source.ORACLE})
SPOKEN_OF: Final = frozenset(
    {"simulation", "correction", "chat"}
)  # in the others a person's words are the next question


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: who gave it (a model by its name, `rule`, `source`, `recorded`), whether training should learn it."""

    index: int
    text: str
    by: str
    ended: FinishReason = "stop"
    train: bool = True


@dataclass(frozen=True, slots=True)
class Execution:
    """A cell of an answer, and what came of it."""

    turn: int
    cell: str
    language: str
    code: str
    code_sha256: str
    outcome: Outcome
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    message: str = ""
    traceback: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """As that of a result: it ended well."""
        return _run(self).result.ok


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said of an answer, by whom (`by` is the model that plays a person), and about what; a rating may have no words."""

    turn: int
    source: Source
    text: str
    rating: Rating | None = None
    category: str = ""
    satisfied: str = ""
    not_satisfied: str = ""
    followed: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a model that a row was made with, by its key in the journal, and what it cost in billionths of a dollar."""

    key: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    nanodollars: int


@dataclass(frozen=True, slots=True)
class Row:
    """`verified`: its last program was run (all programs, where each answers a question), and by `verify_kind` (`tests`, `cross-checked`,
    `executed`) it is right; one that is not may still be right in part (IN_PART). `solved_turn`, from 1, is
    the first answer whose code ended well and which no test refutes, 0 where there is none. `cluster` is the row that it is near to,
    `pipeline` what made it: this program's version, and the hash of the plan.
    """

    id: str
    method: Method
    messages: tuple[Message, ...]
    turns: tuple[Said, ...]
    executions: tuple[Execution, ...] = ()
    feedback: tuple[Heard, ...] = ()
    scores: tuple[Score, ...] = ()
    verified: bool = False
    verify_kind: str = ""
    solved_turn: int = 0
    sources: tuple[Origin, ...] = ()
    decontam: tuple[Hit, ...] = ()
    cluster: str = ""
    calls: tuple[Call, ...] = ()
    languages: tuple[str, ...] = ()
    stop: str = ""
    pipeline: Mapping[str, str] = field(default_factory=dict[str, str])
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])
    format: str = FORMAT


def row(
    dialogue: Trajectory,
    method: Method,
    sources: Sequence[Origin],
    by: Sequence[str],
    opinions: Mapping[int, Opinion] = {},
    person: str = "",
) -> Row:
    """The row of a dialogue. `by` says who gave each answer; `opinions`, by turn, what `person`, who is simulated, thinks of it.

    What was told after the last answer is left out of the messages: nobody has answered it.
    """
    messages = tuple(dialogue.messages())
    while messages and messages[-1].role != "assistant":
        messages = messages[:-1]
    turns = dialogue.turns
    final = next((turn for turn in reversed(turns) if turn.runs), None)
    ran = final is not None and final.clean and final.right
    said = tuple(
        Said(at, turn.completion.text, who, turn.completion.finish_reason, turn.right)
        for at, (turn, who) in enumerate(zip(turns, by, strict=True))
    )
    executions = tuple(_execution(at, run) for at, turn in enumerate(turns) for run in turn.runs)
    heard = tuple(_heard(at, each, opinions.get(at), person) for at, turn in enumerate(turns) for each in turn.feedback)
    return Row(
        id=_identity(method, messages, sources),
        method=method,
        messages=messages,
        turns=said,
        executions=executions,
        feedback=heard,
        verified=ran,
        verify_kind="executed" if ran else "",
        solved_turn=solved_turn(executions, heard),
        sources=tuple(sources),
        languages=tuple(dict.fromkeys(each.language for each in executions)),
        stop=str(dialogue.stop or ""),
        provenance=dict(dialogue.provenance),
    )


def solved_turn(executions: Sequence[Execution], feedback: Sequence[Heard]) -> int:
    """The first answer, from 1, whose code ended well and which no test refutes; 0 where there is none."""
    ran = {each.turn for each in executions}
    wrong = {each.turn for each in executions if not each.ok}
    wrong |= {each.turn for each in feedback if each.source is Source.TESTS}
    return min(ran - wrong, default=-1) + 1


def answer_to(found: Row, turn: int) -> Said | None:
    """What came of words that a person said of an answer: the last answer with code before they said more; None where there is none.

    Code that failed on the way to it is not yet an answer.
    """
    spoken = [each.turn for each in found.feedback if each.source in PEOPLE and each.text and each.turn > turn]
    until = min(spoken, default=len(found.turns))
    ran = {each.turn for each in found.executions}
    coded = [each for each in found.turns if each.index in ran or "```" in each.text]
    return next((each for each in reversed(coded) if turn < each.index <= until), None)


def places(found: Row) -> list[int]:
    """Where each answer stands in its messages, in the order of its turns."""
    spoken = [at for at, each in enumerate(found.messages) if each.role == "assistant"]
    return spoken[len(spoken) - len(found.turns) :]  # answers before were given in the request


def learnt(found: Row) -> tuple[Message, ...]:
    """What of its messages a trainer may learn from that learns from all answers: up to the last one that is right; empty without one."""
    ends = [at for at, each in zip(places(found), found.turns, strict=True) if each.train]
    return found.messages[: ends[-1] + 1] if ends else ()


def trajectory(found: Row) -> Trajectory:
    """The dialogue that a row is of."""
    count = next((at for at, each in enumerate(found.messages) if each.role == "assistant"), len(found.messages))
    turns = tuple(
        Turn(
            Completion(each.text, each.ended),
            tuple(_run(one) for one in found.executions if one.turn == each.index),
            tuple(Feedback(one.source, one.text, one.rating) for one in found.feedback if one.turn == each.index),
        )
        for each in found.turns
    )
    stop = StopReason(found.stop) if found.stop else None
    return Trajectory(found.id, found.messages[:count], turns, stop, found.provenance)


def _identity(method: Method, messages: Sequence[Message], sources: Sequence[Origin]) -> str:
    said = [method, [[each.role, each.content] for each in messages], [each.id for each in sources]]
    text = json.dumps(said, ensure_ascii=False).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _execution(turn: int, run: Run) -> Execution:
    result, code = run.result, run.cell.source
    failure = result.error or Failure("")
    return Execution(
        turn, run.cell.id, run.cell.language, code, hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest(),
        result.outcome, result.stdout, result.stderr, failure.name, failure.message, failure.traceback,
        result.cpu_seconds, result.wall_seconds, result.truncated,
    )  # fmt: skip


def _run(each: Execution) -> Run:
    error = Failure(each.error, each.message, each.traceback) if each.error else None
    result = ExecutionResult(
        each.cell, each.outcome, each.stdout, each.stderr, error,
        cpu_seconds=each.cpu_seconds, wall_seconds=each.wall_seconds, truncated=each.truncated,
    )  # fmt: skip
    return Run(Cell(each.cell, each.code, each.language), result)


def _heard(turn: int, said: Feedback, opinion: Opinion | None, person: str) -> Heard:
    if said.source is not Source.SIMULATED_HUMAN or not said.text:
        return Heard(turn, said.source, said.text, said.rating)
    if opinion is None:
        return Heard(turn, said.source, said.text, said.rating, by=person)
    return Heard(
        turn,
        said.source,
        said.text,
        said.rating,
        opinion.category,
        opinion.satisfied,
        opinion.not_satisfied,
        opinion.followed,
        person,
    )
