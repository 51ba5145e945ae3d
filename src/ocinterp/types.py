"""The values that flow through the system.

Frozen, comparable, made of plain data, and importing nothing but the standard library. They flow one way:
Task -> Turn -> Trajectory -> (transcript | verdict | dataset row | training sample).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length"]
Rating = Literal["good", "bad"]
Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message, as every chat API names its parts."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """The sampler's own account of a completion; training must not tokenize the text again."""

    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    logprobs: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.completion_ids) != len(self.logprobs):
            raise ValueError(f"{len(self.completion_ids)} tokens but {len(self.logprobs)} logprobs")
        if not all(map(math.isfinite, self.logprobs)):
            raise ValueError("a logprob is not finite")  # JSON has no way to say so


@dataclass(frozen=True, slots=True)
class Usage:
    """What a completion cost, in tokens, as its provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said. `finish_reason` is "length" when it was cut off; `usage` is None when nobody counted."""

    text: str
    finish_reason: FinishReason = "stop"
    tokens: Tokens | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A block of code to run; `id` comes back on every reply about it."""

    id: str
    source: str
    language: str = "python"


class Outcome(StrEnum):
    """How a cell ended. All of these are the program's doing; a broken sandbox raises SandboxError instead."""

    OK = "ok"
    ERROR = "error"  # an uncaught exception, SystemExit and KeyboardInterrupt included
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # stopped because it printed more than it may
    KILLED = "killed"  # the interpreter died under it: a signal, or an early exit


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in a cell: the exception's class, its message, and the traceback cut to the user's own frames."""

    name: str
    message: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Display:
    """A value shown to the reader: MIME type -> content, base64 for binary types (Jupyter's MIME bundle)."""

    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What happened when a cell ran. A failing program is a result, not an exception.

    `cpu_seconds` counts the interpreter and its children; `truncated` says that some output was cut out of the middle.
    """

    cell_id: str
    outcome: Outcome
    stdout: str = ""
    stderr: str = ""
    error: Failure | None = None
    displays: tuple[Display, ...] = ()
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """It ended well: at its end, or by leaving with exit code 0."""
        left = self.error is not None and self.error.name == "SystemExit" and self.error.message in {"", "0", "None"}
        return self.outcome is Outcome.OK or (self.outcome is Outcome.ERROR and left)


@dataclass(frozen=True, slots=True)
class Run:
    """A cell and what came of it."""

    cell: Cell
    result: ExecutionResult


class Source(StrEnum):
    """Who is speaking, and so what they may have looked at."""

    EXECUTION = "execution"
    TESTS = "tests"
    HUMAN = "human"
    SIMULATED_HUMAN = "simulated-human"
    ORACLE = "oracle"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody said about a turn. `rating` is None when they did not judge it.

    A rating without a text is for the record alone: the model is not told.
    """

    source: Source
    text: str
    rating: Rating | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One lap of the loop: the model spoke, its cells ran, somebody answered."""

    completion: Completion
    runs: tuple[Run, ...] = ()
    feedback: tuple[Feedback, ...] = ()

    @property
    def clean(self) -> bool:
        """Something ran, and all of it ended well."""
        return bool(self.runs) and all(run.result.ok for run in self.runs)

    @property
    def right(self) -> bool:
        """Nothing says that the answer is wrong: no cell failed, no test, nobody rejected it, and it was not cut off."""
        failed = not all(run.result.ok for run in self.runs)
        refused = any(each.rating == "bad" or each.source is Source.TESTS for each in self.feedback)
        return not (failed or refused or self.completion.finish_reason == "length")


class StopReason(StrEnum):
    """Why a loop ended."""

    DONE = "done"  # nobody had anything to add
    MAX_TURNS = "max-turns"
    LENGTH = "length"  # nobody had anything to add to an answer that was cut off


@dataclass(frozen=True, slots=True)
class Task:
    """One problem, as much of it as anybody in the loop may see.

    There is no field for hidden tests or reference solutions: a Verifier holds those under the task's id, so a
    prompt cannot leak what a task does not carry.
    """

    id: str
    prompt: tuple[Message, ...]
    entry_point: str = ""
    visible_tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The record of one loop: the one thing every part reads or writes.

    `stop` is None while the loop goes on. `provenance` names what made it (model, sandbox, network, version, started).
    """

    task_id: str
    prompt: tuple[Message, ...]
    turns: tuple[Turn, ...] = ()
    stop: StopReason | None = None
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])

    def plus(self, turn: Turn) -> Trajectory:
        """The same trajectory, one turn longer."""
        return replace(self, turns=(*self.turns, turn), stop=None)

    def answered(self, feedback: tuple[Feedback, ...]) -> Trajectory:
        """The same trajectory with `feedback` on its last turn, in place of what was there."""
        return replace(self, turns=(*self.turns[:-1], replace(self.turns[-1], feedback=feedback)), stop=None)

    def stopped(self, reason: StopReason) -> Trajectory:
        return replace(self, stop=reason)

    def messages(self) -> Iterator[Message]:
        """The dialogue as the model sees it: the only place where feedback becomes text."""
        yield from self.prompt
        for turn in self.turns:
            yield Message("assistant", turn.completion.text)
            if words := [each.text for each in turn.feedback if each.text]:
                yield Message("user", "\n\n".join(words))


class Status(StrEnum):
    """What a test, or a set of them, says of a program. SANDBOX_FAILURE alone says nothing: nobody knows."""

    PASS = "pass"
    WRONG = "wrong"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    CRASHED = "crashed"  # a signal ended the process
    EXITED = "exited"  # it ended by itself before it had answered
    SANDBOX_FAILURE = "sandbox-failure"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests say, decided outside the process that ran the candidate."""

    passed: int
    total: int
    status: str = ""
    detail: str = ""

    @property
    def ok(self) -> bool:
        return 0 < self.total == self.passed


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A regular file in a session's working directory: its relative name and its size in bytes."""

    name: str
    size: int
    modified: float = 0.0  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class TextEvent:
    """The model said a little more."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class AgainEvent:
    """What the model has just said is a program that has failed before: nothing of it runs, and another is asked for."""

    kind: Literal["again"] = "again"


@dataclass(frozen=True, slots=True)
class CellEvent:
    """A cell starts to run."""

    cell: Cell
    kind: Literal["cell"] = "cell"


@dataclass(frozen=True, slots=True)
class OutputEvent:
    """A running cell printed something."""

    cell_id: str
    stream: Stream
    text: str
    kind: Literal["output"] = "output"


@dataclass(frozen=True, slots=True)
class DisplayEvent:
    """A running cell showed a value or a figure."""

    cell_id: str
    display: Display
    kind: Literal["display"] = "display"


@dataclass(frozen=True, slots=True)
class ResultEvent:
    """A cell ended."""

    result: ExecutionResult
    kind: Literal["result"] = "result"


@dataclass(frozen=True, slots=True)
class TurnEvent:
    """The model has spoken and its cells have run; nobody has answered yet. This is the moment to save."""

    turn: Turn
    kind: Literal["turn"] = "turn"


@dataclass(frozen=True, slots=True)
class AskEvent:
    """Feedback on the last turn is being asked for."""

    kind: Literal["ask"] = "ask"


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """Somebody answered the last turn."""

    feedback: tuple[Feedback, ...]
    kind: Literal["feedback"] = "feedback"


@dataclass(frozen=True, slots=True)
class DoneEvent:
    """The loop ended."""

    stop: StopReason
    kind: Literal["done"] = "done"


LiveEvent = OutputEvent | DisplayEvent
Event = (
    TextEvent
    | AgainEvent
    | CellEvent
    | OutputEvent
    | DisplayEvent
    | ResultEvent
    | TurnEvent
    | AskEvent
    | FeedbackEvent
    | DoneEvent
)
