"""What the JSON of a chat completion says, whole or in chunks, and how its pieces join."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from ocinterp.errors import ModelError
from ocinterp.types import Completion, FinishReason, Usage

_NOTHING: Mapping[str, object] = {}
_CUT_OFF = {"length", "max_tokens", "model_length"}  # OpenAI; proxies of Anthropic; Mistral


@dataclass(frozen=True, slots=True)
class Piece:
    """What one JSON object adds to an answer. `thinking`: the model is at work on what nobody will be shown."""

    text: str = ""
    thinking: bool = False
    finish_reason: str = ""
    usage: Usage | None = None


def decode(body: bytes | str, /) -> object:
    """The JSON value in `body`, or None if it holds none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def decode_object(body: str, /) -> dict[str, object] | None:
    """The JSON object in `body`, or None if it holds none."""
    value = decode(body)
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def at(value: object, /, *path: str | int) -> object:
    """What stands at `path` in decoded JSON; None where there is no such place."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = cast("dict[str, object]", value).get(step)
        elif isinstance(step, int) and isinstance(value, list):
            items = cast("list[object]", value)
            value = items[step] if step < len(items) else None
        else:
            return None
    return value


def read_piece(document: object, /) -> Piece:
    """Read a `chat.completion.chunk` or a whole `chat.completion`; what is missing or odd adds nothing.

    Reasoning has two names: `reasoning_content` (DeepSeek, vLLM, llama.cpp) and `reasoning` (OpenRouter, Ollama).
    """
    whole = _object(document)
    choice = _object(at(whole.get("choices"), 0))
    said = _object(choice.get("delta") or choice.get("message"))
    reason = choice.get("finish_reason")
    return Piece(
        text=_text(said.get("content")) or _text(said.get("refusal")),
        thinking=bool(said.get("reasoning_content") or said.get("reasoning")),
        finish_reason=reason if isinstance(reason, str) else "",
        usage=_usage(whole.get("usage")),
    )


def _object(value: object) -> Mapping[str, object]:
    """A piece of an answer is read token by token: this is cheaper than a path."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else _NOTHING


def well_formed(text: str, /) -> str:
    """`text` with halves of surrogate pairs joined, and lone ones replaced: no UTF-8 can carry those."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class DivergedError(ModelError):
    """Asked again after a broken stream, the model began a different answer than the one already shown."""


class Answer:
    """An answer as it grows, over as many attempts as it takes.

    `on_text` is never told anything twice, and nothing it was told is ever taken back: after `restart`, what it has
    heard already is matched and swallowed, and DivergedError is raised at the first character that differs. With `live`
    False it hears nothing before the whole is there, so that any number of attempts can differ.
    """

    def __init__(self, on_text: Callable[[str], None], *, live: bool = True) -> None:
        self._on_text = on_text
        self._live = live
        self._told: list[str] = []
        self.restart()

    def restart(self) -> None:
        """Forget this attempt, but not what was told."""
        if not self._live:
            self._told.clear()
        self._behind = "".join(self._told)  # told in an earlier attempt, not yet heard again in this one
        self._half = ""  # the first half of a surrogate pair: some servers cut between the two
        self.finish_reason = ""
        self.usage: Usage | None = None

    def add(self, document: object) -> bool:
        """Take in one JSON object; True if the model said or thought something in it."""
        piece = read_piece(document)
        if piece.text:
            self._hear(piece.text)
        self.finish_reason = piece.finish_reason or self.finish_reason
        self.usage = piece.usage or self.usage
        return bool(piece.text) or piece.thinking

    def close(self) -> Completion:
        """The whole answer, once its stream has ended well."""
        if self._half:
            self._say(well_formed(self._half))
        if self._behind:
            raise DivergedError
        text = "".join(self._told)
        if text and not self._live:
            self._on_text(text)
        reason: FinishReason = "length" if self.finish_reason in _CUT_OFF else "stop"
        return Completion(text, reason, usage=self.usage)

    def _hear(self, text: str) -> None:
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        self._say(well_formed(text))

    def _say(self, text: str) -> None:
        again = min(len(text), len(self._behind))
        if text[:again] != self._behind[:again]:
            raise DivergedError
        self._behind, fresh = self._behind[again:], text[again:]
        if fresh:
            self._told.append(fresh)
            if self._live:
                self._on_text(fresh)


def _text(content: object) -> str:
    """Text as such, or as a list of typed parts, of which only those of type text are for the reader (Mistral)."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = cast("list[object]", content)
        return "".join(_text(at(part, "text")) for part in parts if at(part, "type") == "text")
    return ""


def _usage(counts: object) -> Usage | None:
    if counts is None:
        return None
    prompt, completion = at(counts, "prompt_tokens"), at(counts, "completion_tokens")
    if isinstance(prompt, int) and isinstance(completion, int):
        return Usage(prompt, completion)
    return None
