"""Dialogues as a tokenizer's own chat template writes them.

The whole dialogue is one text and is tokenized once, as it is when the model is used; a message's piece is what the template
adds for it. Of an answer, the model says what follows the prompt for it, up to the token that ends its turn: that one is
learnt, or the model would never stop. What the template writes after it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol

from ocinterp.errors import UsageError
from ocinterp.files import explained
from ocinterp.models.pocket import roles
from ocinterp.train.rows import Piece, Unwritable
from ocinterp.types import Message

_ROLES: Final = "roles"
_PROBE: Final = (
    Message("user", "One?"),
    Message("assistant", "Two."),
    Message("user", "Three?"),
    Message("assistant", "Four."),
)


class ChatTokenizer(Protocol):
    """What is used of a tokenizer of transformers."""

    chat_template: Any

    @property
    def is_fast(self) -> bool: ...
    @property
    def all_special_tokens(self) -> list[str]: ...
    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]: ...
    def apply_chat_template(self, conversation: list[dict[str, str]], /, **options: Any) -> Any: ...
    def convert_tokens_to_ids(self, tokens: str, /) -> Any: ...
    def __call__(self, text: str, /, **options: Any) -> Any: ...


class ChatFormat:
    """A tokenizer with a chat template as a `rows.Format`. UsageError for one that cannot be trained with, and why."""

    def __init__(self, tokenizer: ChatTokenizer, name: str = "the tokenizer") -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise UsageError(
                f"{name} has no chat template: name one, as in --set template=instruction ({', '.join(templates())}, or a file)"
            )
        if not tokenizer.is_fast:
            raise UsageError(f"{name} does not say where in a text its tokens are: one with a tokenizer.json is needed")
        self._tokenizer = tokenizer
        added = {each.content: number for number, each in tokenizer.added_tokens_decoder.items() if each.special}
        named = {each: tokenizer.convert_tokens_to_ids(each) for each in tokenizer.all_special_tokens}
        self._special: dict[str, int] = {**named, **added}
        self._special_ids = frozenset(self._special.values())
        self.end = self._end(name)  # the id that ends an answer

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """One for each message. Unwritable where the template refuses them, or a text would become a special token."""
        if any(name in message.content for message in messages for name in self._special):
            raise Unwritable("the text of a special token is in it")
        texts = self._growing(messages)
        found = self._tokenizer(texts[-1], add_special_tokens=False, return_offsets_mapping=True)
        ids, begins = found["input_ids"], [begin for begin, _ in found["offset_mapping"]]
        pieces: list[Piece] = []
        at = 0
        for number, message in enumerate(messages):
            stop = at
            while stop < len(ids) and (begins[stop] < len(texts[number]) or number + 1 == len(messages)):
                stop += 1
            answer = self._answer(messages[:number], texts[number]) if message.role == "assistant" else 0
            pieces.append(self._piece(ids[at:stop], begins[at:stop], answer, message.role == "assistant"))
            at = stop
        return pieces

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids after which the model answers."""
        return list(self._tokenizer(self._written(messages, asking=True), add_special_tokens=False)["input_ids"])

    def document(self, text: str) -> list[int]:
        """The ids of a text that is no dialogue, and of its end."""
        if any(name in text for name in self._special):
            raise Unwritable("the text of a special token is in it")
        return [*self._tokenizer(text, add_special_tokens=False)["input_ids"], self.end]

    def _growing(self, messages: Sequence[Message]) -> list[str]:
        """The text up to and with each message: each is the beginning of the next, or they could not be told apart."""
        texts = [self._written(messages[:number]) for number in range(1, len(messages) + 1)]
        for shorter, longer in pairwise(texts):
            if not longer.startswith(shorter):
                raise Unwritable("the chat template writes earlier messages otherwise once there are later ones")
        return texts

    def _answer(self, before: Sequence[Message], text: str) -> int:
        """The character of `text` at which the model begins to speak."""
        if not before:
            raise Unwritable("it begins with an answer")
        asked = self._written(before, asking=True)
        if not text.startswith(asked):
            raise Unwritable("the chat template writes an answer otherwise than it asks for one")
        return len(asked)

    def _piece(self, ids: Sequence[int], begins: Sequence[int], answer: int, spoken: bool) -> Piece:
        if not spoken:
            head = next((at for at, number in enumerate(ids) if number not in self._special_ids), 0)
            return Piece(tuple(ids), tuple(at >= head for at in range(len(ids))))
        end = max((at for at, number in enumerate(ids) if number in self._special_ids), default=-1)
        return Piece(tuple(ids), tuple(begins[at] >= answer and at <= end for at in range(len(ids))))

    def _end(self, name: str) -> int:
        """The one id that ends the answers of a dialogue that any template can write."""
        try:
            answers = self.pieces(_PROBE)[1::2]
        except Unwritable as error:
            raise UsageError(f"{name} cannot be trained with, turn by turn: {error}") from error
        said = [[number for number, own in zip(each.ids, each.said, strict=True) if own] for each in answers]
        ends = {ids[-1] if ids else -1 for ids in said}
        if ends == {-1} or len(ends) != 1:
            raise UsageError(
                f"the chat template of {name} ends no answer by a token of its own: a model would never stop"
            )
        return ends.pop()

    def _written(self, messages: Sequence[Message], *, asking: bool = False) -> str:
        from jinja2 import TemplateError

        plain = [{"role": each.role, "content": each.content} for each in messages]
        try:
            return self._tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=asking)
        except TemplateError as error:
            raise Unwritable(f"the chat template refuses it: {error}") from error


def templates() -> list[str]:
    """The names of the templates of this package; `roles` is that of the pocket models."""
    files = (each.name.removesuffix(".jinja") for each in _folder().iterdir() if each.name.endswith(".jinja"))
    return sorted([*files, _ROLES])


def template(name: str) -> str:
    """The template of a name, or of a file. UsageError where there is none."""
    if name == _ROLES:
        return roles.TEMPLATE
    if name in templates():
        return _folder().joinpath(f"{name}.jinja").read_text("utf-8").rstrip("\n")
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"there is no chat template {name!r}: choose of {', '.join(templates())}, or name a file")
    with explained(path):
        return path.read_text("utf-8")


def _folder() -> Any:
    return resources.files("ocinterp.train").joinpath("templates")
