"""A teacher that answers by rule whatever the dataset pipeline asks: no model, and always the same for the same words.

Its programs have nothing to do with the request but its first words. It is there so that a whole pipeline runs, and is paid
for and killed in tests, without a model; rows that are made with it say so, by its name.

By hand: `python -m ocinterp.testing.teacher --port 8000`, an OpenAI-compatible server with the models `rule-weak` and `rule-strong`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from ocinterp.protocols import ignore
from ocinterp.synth import prompts
from ocinterp.testing.fakes import code
from ocinterp.testing.server import Asked, Fixed, Says, ScriptedServer
from ocinterp.types import Completion, Message, Usage

WEAK, STRONG = "rule-weak", "rule-strong"
_BROKEN: Final = {
    "syntax": "def solve(values):\n    return [each for each in values\n\nprint(solve([1, 2]))",
    "name": "def solve(values):\n    return totals(values)\n\nprint(solve([1, 2]))",
    "type": "def solve(values):\n    return sum(values) + 'x'\n\nprint(solve([1, 2]))",
    "logic": "def solve(values):\n    return sum(values) - 1\n\nassert solve([1, 2]) == 3",
    "timeout": "def solve(values):\n    while values:\n        pass\n\nprint(solve([1, 2]))",
}
_FIXED: Final = "def solve(values):\n    return sum(values)\n\nassert solve([1, 2]) == 3\nprint(solve([{}]))"


def reply(model: str, messages: Sequence[Message]) -> str:
    """What it says to a dialogue."""
    chance = int.from_bytes(hashlib.blake2b(repr((model, messages)).encode(), digest_size=4).digest())
    system = messages[0].content if messages[0].role == "system" else ""
    last = messages[-1].content
    if _is(last, prompts.SIMPLE) or _is(last, prompts.DEMANDING):
        return f"{chance % 5 + 1}: as it looks"
    if _is(system, prompts.PERSON):
        return _person(chance)
    if _is(last, prompts.FOLLOWED):
        return json.dumps({"followed": chance % 10 > 0, "why": "it says so"})
    if _is(last, prompts.BEFORE_CODE):
        return "In Python: the values are gone through once, and what is asked for is kept."
    if _is(last, prompts.TESTS):
        odd = f"assert solve([1]) == {1 + (chance % 4 == 0)}"  # one in four is wrong
        return code(
            "\n".join([*(f"assert solve([{at}, 2]) == {at + 2}" for at in range(4)), odd, "assert other() == 1"])
        )
    if _is(last, prompts.SOLVE):
        return code("def solve(values):\n    return 7" if chance % 6 == 0 else _FIXED.partition("\n\n")[0])
    if _is(system, prompts.BROKEN):
        kind = next(kind for kind, words in prompts.MISTAKES.items() if words in system)
        return code(_BROKEN[kind])
    if last.startswith("Execution result") and "Fix the cause" not in last:
        return "All is as it should be."
    if model == WEAK and chance % 2:
        return code(_BROKEN[("name", "type", "logic")[chance % 3]])
    return f"It takes one step.\n{code(_FIXED.format(', '.join(map(str, range(chance % 7)))))}"


def _is(text: str, prompt: str) -> bool:
    """Whether a text was made from a prompt."""
    return text.startswith(re.split(r"\{\w+\}", prompt)[0][:60]) if text else False


def _person(chance: int) -> str:
    category = list(prompts.CATEGORIES)[chance % len(prompts.CATEGORIES)]
    unmet = "nothing" if chance % 6 == 0 else f"{category} of the function solve"
    words = f"Please look at {category} again, in the function solve."
    return json.dumps({"category": category, "satisfied": "it runs", "not_satisfied": unmet, "feedback": words})


@dataclass
class Teacher:
    """One of its models in this process. `seen` are the dialogues that it was asked to go on with."""

    name: str = STRONG
    seen: list[tuple[Message, ...]] = field(default_factory=list[tuple[Message, ...]])

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        self.seen.append(tuple(messages))
        text = reply(self.name, messages)
        on_text(text)
        return Completion(text, usage=Usage(sum(len(each.content) for each in messages) // 4, len(text) // 4))


async def answer(asked: Asked) -> Fixed:
    """To a request of the API."""
    return told(asked)


def told(asked: Asked) -> Fixed:
    """The same, for those who do not wait."""
    return Says(reply(str(asked.body.get("model")), _messages(asked.body)), piece=40)


def server(port: int = 0) -> ScriptedServer:
    """Its models behind a real server."""
    return ScriptedServer([answer], repeat_last=True, models=(WEAK, STRONG), port=port)


def _messages(body: Mapping[str, object]) -> list[Message]:
    said = cast("list[dict[str, str]]", body.get("messages") or [])
    return [Message("system" if each["role"] == "system" else "user", each["content"]) for each in said]


async def _serve(port: int) -> None:
    async with server(port) as teacher:
        sys.stdout.write(f"answering by rule at {teacher.url}; Ctrl-C ends it\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m ocinterp.testing.teacher", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(chosen.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
