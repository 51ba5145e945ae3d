"""Code correction (paper, section 2.2): a program with a mistake of a named kind, what came of it, and the correction.

The program must really fail, in the way that was asked for, and the correction must really run to its end. The prompt that
asked for a mistake is not in the dialogue: in its place stands an ordinary one, so that nobody learns to write mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ocinterp.feedback import failures
from ocinterp.loop import Limits, rollout
from ocinterp.parse import meaning
from ocinterp.protocols import Model, Sandbox
from ocinterp.synth import prompts
from ocinterp.synth.queries import Query
from ocinterp.synth.replies import NoRowError
from ocinterp.types import Message, Outcome, StopReason, Task, Trajectory, Turn

MENDINGS: Final = 3
# By the kind of a mistake what it is that shows it; one that never ends is shown by its time.
SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "syntax": frozenset({"SyntaxError", "IndentationError", "TabError"}),
    "name": frozenset({"NameError", "UnboundLocalError"}),
    "type": frozenset({"TypeError", "AttributeError"}),
    "logic": frozenset({"AssertionError"}),
}
_GIVEN_AWAY: Final = re.compile(
    r"\b(mistakes?|bugs?|buggy|on purpose|intentional\w*|deliberate\w*|wrong(ly)?|incorrect\w*)\b", re.IGNORECASE
)


async def correct(query: Query, kind: str, model: Model, sandbox: Sandbox) -> Trajectory:
    """A dialogue of two turns or more. NoRowError where the mistake does not show, is given away, or is not mended."""
    ordinary = Task(query.id, (Message("system", prompts.INTERPRETER), Message("user", query.text)))
    order = prompts.BROKEN.format(kind=prompts.MISTAKES[kind])
    asked = Task(query.id, (Message("system", order), Message("user", query.text)))
    broken = await rollout(asked, model=model, sandbox=sandbox, feedback=failures, limits=Limits(1))
    _check_broken(broken.turns[0], kind)
    begun = replace(broken, prompt=ordinary.prompt)
    found = await rollout(
        ordinary, model=model, sandbox=sandbox, feedback=failures, limits=Limits(1 + MENDINGS), start=begun
    )
    last = found.turns[-1]
    if found.stop is not StopReason.DONE or not last.clean:
        raise NoRowError("it was not mended")
    if meaning(last.runs[-1].cell.source) == meaning(broken.turns[0].runs[-1].cell.source):
        raise NoRowError("it was mended without a change")
    return found


def _check_broken(turn: Turn, kind: str) -> None:
    """NoRowError unless a program failed as it was to fail, and nothing in it says so."""
    if not turn.runs:
        raise NoRowError("there was no code in it")
    failed = next((run.result for run in turn.runs if not run.result.ok), None)
    if failed is None:
        raise NoRowError("it did not fail")
    name = failed.error.name if failed.error else ""
    shown = failed.outcome is Outcome.TIMEOUT if kind == "timeout" else name in SHOWN[kind]
    if not shown:
        raise NoRowError(f"it failed otherwise: {name or failed.outcome}")
    if found := _GIVEN_AWAY.search(turn.completion.text):
        raise NoRowError(f"it is given away: {found[0]!r}")
