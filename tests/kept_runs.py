"""Evaluations made by hand, without a sandbox: attempts whose verdicts are given, and the files of a run that was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ocinterp.bench import attempts, evaluation
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.hidden import Scored
from ocinterp.bench.results import Dataset
from ocinterp.bench.run import Crash
from ocinterp.bench.settings import Setting, chosen
from ocinterp.journal import Price
from ocinterp.testing import code
from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Feedback,
    Message,
    Outcome,
    Run,
    Source,
    StopReason,
    Trajectory,
    Turn,
    Usage,
)

DATASET = Dataset("own", "own", "0" * 32)
ORIGIN = {"model": "scripted", "profile": "strict", "turns": "2"}
TASKS = ("own/a", "own/b", "own/c", "own/d")
SINGLE, VISIBLE = chosen(["single", "visible"], turns=3, suites=("base", "plus"))


def program(task_id: str, number: int) -> str:
    return f"def {task_id[-1]}():\n    first = 1\n    return {number}\n"


def turn(
    source: str,
    said: str = "",
    *,
    answer: str | None = None,
    output: str = "",
    tokens: tuple[int, int] = (10, 5),
) -> Turn:
    """An answer with a program, what its cell printed, and what was said of it."""
    run = Run(Cell("1", source), ExecutionResult("1", Outcome.OK, stdout=output))
    feedback = (Feedback(Source.TESTS, said),) if said else ()
    completion = Completion(code(source) if answer is None else answer, usage=Usage(*tokens))
    return Turn(completion, (run,), feedback)


def scored(status: str) -> Scored:
    """`pass`, `wrong`, or the class of an exception, by all tests alike."""
    if status[0].isupper():
        return Scored("exception", "exception", "exception", status)
    return Scored(status, status, status)


def attempt(setting: Setting, task_id: str, *statuses: str, sample: int = 0, leaks: int = 0) -> Attempt:
    """One whose turns came to these verdicts."""
    programs = tuple(program(task_id, number) for number in range(len(statuses)))
    turns = tuple(turn(each, "It is not right.", output=f"ran {number}\n") for number, each in enumerate(programs))
    prompt = (Message("user", f"Write {task_id}."),)
    trajectory = Trajectory(task_id, prompt, turns, StopReason.DONE, {"model": "scripted"})
    return Attempt(Key(setting.name, task_id, sample), trajectory, tuple(map(scored, statuses)), leaks, "", programs)


def gathered(
    *ended: Attempt | Crash,
    settings: Sequence[Setting] = (SINGLE, VISIBLE),
    origin: Mapping[str, str] = ORIGIN,
    dataset: Dataset = DATASET,
    tasks: Sequence[str] = TASKS,
) -> Evaluation:
    return evaluation.gathered(dataset, origin, settings, tasks, {each.key: each for each in ended})


def small() -> Evaluation:
    """Four tasks in two settings: one is solved at once, two are repaired or lost on the way, one never is."""
    return gathered(
        attempt(SINGLE, "own/a", "pass"),
        attempt(SINGLE, "own/b", "NameError"),
        attempt(SINGLE, "own/c", "wrong"),
        attempt(SINGLE, "own/d", "timeout"),
        attempt(VISIBLE, "own/a", "pass"),
        attempt(VISIBLE, "own/b", "NameError", "pass"),
        attempt(VISIBLE, "own/c", "wrong", "wrong", "pass"),
        attempt(VISIBLE, "own/d", "NameError", "pass", "timeout"),
    )


def refined() -> Evaluation:
    """A setting that refines with a critic, one with the solution, and answers for as many tokens; with prices."""
    wanted = chosen(["resample", "visible", "human-base", "oracle-base"], turns=3, suites=("base", "plus"))
    resample, visible, human, oracle = wanted
    critic = Usage(90, 10)
    made = [
        *(attempt(visible, each, "wrong", "pass") for each in TASKS),
        *(replace(attempt(human, each, "NameError", "wrong", "pass"), critic_tokens=critic) for each in TASKS),
        *(replace(attempt(oracle, each, "wrong", "pass", leaks=2), critic_tokens=critic) for each in TASKS),
        *(attempt(resample, each, "pass" if n == 2 else "wrong", sample=n) for each in TASKS for n in range(10)),
    ]
    found = gathered(*made, settings=wanted)
    return replace(found, price=Price("1000", "2000"), critic_price=Price("10", "20"))


def of_model(name: str, solved: str, *, settings: Sequence[Setting] = (SINGLE,), **origin: str) -> Evaluation:
    """A model that solves the tasks whose letters are given."""
    made = (
        attempt(each, task_id, "pass" if task_id[-1] in solved else "wrong") for each in settings for task_id in TASKS
    )
    return gathered(*made, settings=settings, origin={**ORIGIN, "model": name, **origin})


def keep(path: Path, found: Evaluation) -> Path:
    """Write a run as `eval` keeps it."""
    evaluation.write(path, found)
    for standing in found.standings:
        for each in standing.attempts():
            attempts.append(path.with_suffix(".jsonl"), each)
    return path
