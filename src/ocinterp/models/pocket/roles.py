"""How the pocket models write a dialogue: a token for the role, the text, a token for the end of the turn.

It stands here, below training, because a model must be asked in the very form in which it was taught. What the system says is
not written: these models learn from requests alone, and a page on how things work here would only be in their way. `TEMPLATE` is
the same form for transformers. One thing differs there: a text that has a role's token in it is a text here, and that token there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ocinterp.errors import DataError
from ocinterp.types import Message

ROLES: Final = ("system", "user", "assistant")
END: Final = "<|end|>"
PADDING: Final = "<|pad|>"

# What the assistant says, the end of its turn included, is marked as generated: that is what training has a loss on.
TEMPLATE: Final = """\
{%- for message in messages -%}
{%- if message['role'] not in ['system', 'user', 'assistant'] -%}
{{- raise_exception('a role is system, user or assistant, not ' + message['role']) -}}
{%- endif -%}
{%- if message['role'] != 'system' -%}
{{- '<|' + message['role'] + '|>' -}}
{%- if message['role'] == 'assistant' -%}
{%- generation -%}
{{- message['content'] + '<|end|>' -}}
{%- endgeneration -%}
{%- else -%}
{{- message['content'] + '<|end|>' -}}
{%- endif -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>' -}}
{%- endif -%}
"""


def tokenizer_config(positions: int) -> dict[str, object]:
    """The content of a `tokenizer_config.json` for a model that takes so many tokens."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": PADDING,
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "model_max_length": positions,
        "chat_template": TEMPLATE,
    }


@dataclass(frozen=True, slots=True)
class Piece:
    """The tokens of a message, none where the model does not see it.

    `said` says which of them the model has to say itself, the end of its turn among them.
    """

    ids: tuple[int, ...]
    said: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class RoleTokens:
    """The format of the pocket models. The role's token is given, not said: a model says its text and the end of its turn."""

    encode: TextEncoder
    roles: dict[str, int]
    end: int

    @staticmethod
    def of(tokenizer: Special) -> RoleTokens:
        """That of a tokenizer which has the tokens. DataError where one is missing."""
        wanted = {role: f"<|{role}|>" for role in ROLES}
        if missing := [each for each in (*wanted.values(), END) if each not in tokenizer.special]:
            raise DataError(f"the tokenizer has no token {', '.join(missing)}")
        roles = {role: tokenizer.special[text] for role, text in wanted.items()}
        return RoleTokens(tokenizer.encode, roles, tokenizer.special[END])

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        return [self._piece(each) for each in messages]

    def document(self, text: str) -> list[int]:
        """The ids of a text that is no dialogue, with its end."""
        return [*self.encode(text), self.end]

    def _piece(self, message: Message) -> Piece:
        if message.role == "system":
            return Piece((), ())
        text = self.encode(message.content)
        return Piece((self.roles[message.role], *text, self.end), (False, *[True] * (len(text) + 1)))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids after which the model answers."""
        read = [number for piece in self.pieces(messages) for number in piece.ids]
        return [*read, self.roles["assistant"]]


class TextEncoder(Protocol):
    def __call__(self, text: str, /) -> Sequence[int]: ...


class Special(Protocol):
    """A tokenizer with added tokens, by their text."""

    special: dict[str, int]

    def encode(self, text: str, /) -> Sequence[int]: ...
