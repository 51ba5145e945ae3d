"""The words a session opens with: what the model is told about its interpreter and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ocinterp.feedback.tests import asked
from ocinterp.types import Message

_PREVIEW_LINES = 4
_PREVIEW_CHARACTERS = 500

_SYSTEM = """\
You solve the user's request by writing Python, which is run for you at once in a private, stateful interpreter.

- Put the code to run into ```python blocks, complete and ready to run. Every such block of your answer is run, in order.
- Variables, imports and files survive from one answer to the next. The working directory holds the user's files; write
  results there too.
- Print what the user should see. The value of a block's last expression and matplotlib figures are shown as well.
- {network}obody answers input(), and nothing can be installed. {packages}
{others}- When a run fails, you see its traceback: find the cause, and give the corrected code whole.
"""

_OTHERS = "- An answer without ```python may hold programs in {} instead; they share the files, not the variables.\n"


def opening(
    request: str,
    files: Mapping[str, bytes] = {},
    packages: Sequence[str] = (),
    tests: Sequence[str] = (),
    *,
    languages: Sequence[str] = (),
    network: bool = False,
) -> tuple[Message, ...]:
    """The first messages of a session: how things work here, then the request, its files and its visible tests.

    `languages` are those that run beside Python.
    """
    there = f"Beside the standard library there are {', '.join(packages)}." if packages else "Use the standard library."
    parts = [request]
    if files:
        parts.append("Files in the working directory:\n" + "\n".join(_line(*entry) for entry in files.items()))
    if tests:
        parts.append(asked(tests))
    return Message(
        "system",
        _SYSTEM.format(
            packages=there,
            network="N" if network else "There is no network, n",
            others=_OTHERS.format(", ".join(languages)) if languages else "",
        ),
    ), Message("user", "\n\n".join(parts))


def _line(name: str, content: bytes) -> str:
    head = content[: _PREVIEW_CHARACTERS * 4]
    line = f"- {name} ({len(content)} bytes)"
    try:
        text = head.decode("utf-8", "strict" if len(content) == len(head) else "ignore")
    except UnicodeDecodeError:
        return line
    if "\0" in text:
        return line
    shown = "\n".join(text.splitlines()[:_PREVIEW_LINES])[:_PREVIEW_CHARACTERS]
    return f"{line}, which begins:\n```\n{shown}\n```"
