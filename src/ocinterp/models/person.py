"""You are the model: the prompt is shown, and what you paste is the reply. It may come from any chat anywhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ocinterp.errors import ModelError
from ocinterp.models.replies import well_formed
from ocinterp.protocols import ignore
from ocinterp.types import Completion, Message


@dataclass
class PersonModel:
    """Shows what is new since the last reply, the whole dialogue at first, and reads the next reply.

    The dialogue is new if it is not the last one continued: the chat that the person asks elsewhere would know
    nothing of it. `read` gives "" at the end of input. `copy` puts the prompt on the clipboard and says whether it
    could. ModelError when nobody answers.
    """

    show: Callable[[str], None]
    read: Callable[[], Awaitable[str]]
    copy: Callable[[str], bool] | None = None
    _dialogue: tuple[Message, ...] = field(default=(), init=False, repr=False)

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        prompt = as_prompt(self._news(tuple(messages)))
        self.show(prompt)
        if self.copy and self.copy(prompt):
            self.show("(copied to the clipboard)")
        text = well_formed(await self.read())
        if not text.strip():
            raise ModelError("nobody answered")
        self._dialogue = (*messages, Message("assistant", text))
        on_text(text)
        return Completion(text)

    def _news(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        known = len(self._dialogue)
        continues = 0 < known < len(messages) and messages[:known] == self._dialogue
        return messages[known:] if continues else messages


def as_prompt(messages: Sequence[Message], /) -> str:
    """A dialogue as one text to paste; who said what is marked only where the model itself has spoken in it."""
    if any(message.role == "assistant" for message in messages):
        return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)
    return "\n\n".join(message.content for message in messages)


def clipboard_command(environ: Mapping[str, str], /) -> list[str] | None:
    """The command that copies its standard input to the clipboard of the desktop that `environ` describes."""
    candidates: list[list[str]] = []
    if environ.get("WAYLAND_DISPLAY"):
        candidates.append(["wl-copy"])
    if environ.get("DISPLAY"):
        candidates += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    if sys.platform == "darwin":
        candidates.append(["pbcopy"])
    path = environ.get("PATH")
    return next((command for command in candidates if shutil.which(command[0], path=path)), None)
