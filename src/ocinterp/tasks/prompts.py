"""How a task is put to a chat model: one plain sentence that asks for a whole program, and what the benchmark gives."""

from __future__ import annotations

from ocinterp.types import Message

_WHOLE = (
    "Give one complete, self-contained Python program in a single code block, with every import and helper it needs."
)


def complete(code: str, entry_point: str) -> tuple[Message, ...]:
    """Ask for the function whose head and docstring are `code`."""
    return _ask(f"Write the Python function `{entry_point}` as its docstring says. {_WHOLE}", _fenced(code))


def solve(words: str, entry_point: str, test: str = "") -> tuple[Message, ...]:
    """Ask for what `words` describe; `test` shows how it will be called."""
    shown = f"It must pass this test:\n\n{_fenced(test)}" if test.strip() else f"Name the function `{entry_point}`."
    return _ask(f"Solve this task in Python. {_WHOLE}", words.strip(), shown)


def repair(program: str, entry_point: str, words: str = "") -> tuple[Message, ...]:
    """Ask for the repaired program; `words` say what it should do, where the program does not."""
    parts = [_fenced(program), f"What it should do:\n\n{words.strip()}" if words.strip() else ""]
    return _ask(f"There is a bug in the Python function `{entry_point}`. Fix it. {_WHOLE}", *parts)


def _ask(*parts: str) -> tuple[Message, ...]:
    return (Message("user", "\n\n".join(part for part in parts if part)),)


def _fenced(code: str) -> str:
    return f"```python\n{code.strip()}\n```"
