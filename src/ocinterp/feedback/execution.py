"""What the interpreter has to say about a turn."""

from __future__ import annotations

from ocinterp.render import MODEL_CHARACTERS, describe_run
from ocinterp.types import Feedback, Run, Source, Task, Trajectory, Turn

MENDING = "Fix the cause"  # how advice begins, where something failed
_ADVICE = f"{MENDING} and give the whole corrected code again in one ```{{language}} block."
_CUT_OFF = "Your answer was cut off before its end. Give a shorter one, complete."


async def failures(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
    """Speaks when a cell did not end well, or when the answer was cut off: the paper's execution feedback."""
    failed = [run for run in turn.runs if not run.result.ok]
    if failed:
        return (report_failure(turn.runs),)
    if turn.completion.finish_reason == "length":
        return (Feedback(Source.EXECUTION, _CUT_OFF),)
    return ()


async def execution_output(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
    """Speaks whenever something ran: the model sees what came of it, and answers without code when it is done."""
    if said := await failures(task, before, turn):
        return said
    return (Feedback(Source.EXECUTION, _report(turn.runs)),) if turn.runs else ()


def report_failure(runs: tuple[Run, ...]) -> Feedback:
    """What is said of cells of which some did not end well."""
    failed = [run for run in runs if not run.result.ok]
    advice = _ADVICE.format(language=_language(failed[-1]))
    return Feedback(Source.EXECUTION, f"{_report(runs)}\n\n{advice}")


def _language(failed: Run) -> str:
    """In which language to try again."""
    refused = failed.result.error is not None and failed.result.error.name == "UnsupportedLanguage"
    return "python" if refused else failed.cell.language


def _report(runs: tuple[Run, ...]) -> str:
    if len(runs) == 1:
        return f"Execution result:\n{describe_run(runs[0])}"
    limit = max(500, MODEL_CHARACTERS // len(runs))
    texts = [f"Execution result of block {number}:\n{describe_run(run, limit)}" for number, run in enumerate(runs, 1)]
    return "\n\n".join(texts)
