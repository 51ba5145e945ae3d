"""Logs of MINT (Wang et al., ICLR 2024, arXiv 2309.10691) as trajectories.

One JSON object a line: {"state": {"history": [{"role", "content"}, ...]}, "task": {"task_name", "task_id", ...}}; "success" of the state is what the log says of the outcome. The
assistant's <execute> blocks were run together, in one IPython session per task; the next user message reports on them
("Observation:"), counts the steps that are left, and may hold the words of an expert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ocinterp.errors import DataError
from ocinterp.parse import extract_cells
from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Failure,
    Feedback,
    Message,
    Outcome,
    Run,
    Source,
    Trajectory,
    Turn,
)

_REPORT = re.compile(r"Observation:\n(?P<observation>.*?)(?:\n\nExpert feedback:\n(?P<expert>.*))?\Z", re.DOTALL)
_COUNTDOWN = re.compile(r"^You (?:have \d+ steps? left|should take the last step).*$\n?", re.MULTILINE)
_NO_OUTPUT = "[Executed Successfully with No Output]"
_RAISED = re.compile(r"^-{60,}\n(?P<name>\w+)\s+Traceback \(most recent call last\)", re.MULTILINE)
_MISREAD = re.compile(r"^\s*(?:Cell In\[\d+\]|File ).*^(?P<name>\w*Error): ", re.MULTILINE | re.DOTALL)
WRONG = "Your answer is wrong"  # what it says of a proposal that failed the scoring tests
_JUDGED = (WRONG, "Your answer is correct", "I don't understand your input")

SETTINGS = ("single", "execution", "human", "oracle")  # of the paper, as near as a log of MINT comes to them


def setting_of(name: str) -> str:
    """Which setting a log of that name is: one action; more of them; GPT-4 speaks; it has seen the solution.

    Where it speaks otherwise than in whole sentences (`binary`, `textual-sparse`), that is in the setting's name.
    """
    parts = name.split("__")
    spoken = next((part.removeprefix("PHF=") for part in parts if part.startswith("PHF=")), "")
    if not spoken:
        return "single" if any(part.startswith("max1_") for part in parts) else "execution"
    seen, _, manner = spoken.partition("GT-")
    setting = "human" if seen == "no_" else "oracle"
    return setting if manner == "textual" else f"{setting}-{manner.removeprefix('textual-')}"


def trajectory_of(record: Mapping[str, Any], *, name: str) -> Trajectory:
    """One line of a log. `name` is the log's file name, which tells the model and what the expert had seen.

    Raises DataError for a line that is no such record.
    """
    try:
        history = [Message(each["role"], each["content"]) for each in record["state"]["history"]]
        task = record["task"]
        task_id = f"mint-{task['task_name']}/{task['task_id']}"
    except (KeyError, TypeError) as error:
        raise DataError(f"not a record of MINT: {error!r} is missing or misplaced") from error
    first = next((n for n, message in enumerate(history) if message.role == "assistant"), len(history))
    expert = Source.ORACLE if "PHF=GT-" in name else Source.SIMULATED_HUMAN
    turns: list[Turn] = []
    for number, message in enumerate(history[first:], first):
        if message.role == "assistant":
            answer = history[number + 1].content if number + 1 < len(history) else ""
            turns.append(_turn(message.content, answer, expert, len(turns) + 1))
    provenance = {"model": name.split("__")[0], "log": name, "benchmark": "MINT"}
    if isinstance(solved := record["state"].get("success"), bool):
        provenance["recorded"] = "solved" if solved else "unsolved"
    return Trajectory(task_id, tuple(history[:first]), tuple(turns), provenance=provenance)


def _turn(text: str, answer: str, expert: Source, number: int) -> Turn:
    found = _REPORT.match(answer)
    observation = _COUNTDOWN.sub("", found["observation"]).rstrip("\n") if found else ""
    said = [Feedback(Source.EXECUTION, f"Observation:\n{observation}")] if found else []
    if found and found["expert"]:
        said.append(Feedback(expert, found["expert"].strip()))
    runs: tuple[Run, ...] = ()
    if found and "<execute>" in text and not observation.startswith(_JUDGED):
        whole = "\n".join(cell.source for cell in extract_cells(text))
        cell = Cell(f"{number}.1", whole)
        runs = (Run(cell, _result(cell.id, observation)),)
    return Turn(Completion(text), runs, tuple(said))


def _result(cell_id: str, observation: str) -> ExecutionResult:
    if observation == _NO_OUTPUT:
        return ExecutionResult(cell_id, Outcome.OK)
    raised = _RAISED.search(observation) or _MISREAD.match(observation)
    if raised is None:
        return ExecutionResult(cell_id, Outcome.OK, stdout=f"{observation}\n")
    message = observation.rsplit("\n", 1)[-1].partition(": ")[2]
    printed = observation[: raised.start()]
    outcome = Outcome.TIMEOUT if raised["name"] == "TimeoutError" else Outcome.ERROR
    failure = Failure(raised["name"], message, observation[raised.start() :])
    return ExecutionResult(cell_id, outcome, stdout=printed, error=failure)
