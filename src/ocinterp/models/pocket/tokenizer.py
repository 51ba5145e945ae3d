"""A byte-level BPE tokenizer that reads `tokenizer.json` of Hugging Face's tokenizers, as far as our models use it.

That is: a pre-tokenizer of one regular expression and bytes, BPE merges, and added tokens that stand for roles. Text never
becomes an added token: a person who writes `<|assistant|>` has written a text.
"""

from __future__ import annotations

import codecs
import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from ocinterp.errors import DataError

# Words with the character before them; signs with the end of their line and the indentation of the next; white space. A digit
# stands for itself, apart from what is between it and the one before, and so does what is in quotes: a value is then the same
# token in a request, in a program and in a report, and a model can copy it from one to the other. Python and Onigruma read
# the expression alike.
PATTERN: Final = (
    r"(?:, ?-?| -?|-)(?=[0-9])|[0-9]| ?'"
    r"|[^\r\nA-Za-z0-9']?[A-Za-z]+| ?[^\sA-Za-z0-9']+(?:\n *)?|\s*\n *|\s+(?!\S)|\s+"
)
_SPLIT: Final = re.compile(PATTERN)


def _byte_characters() -> dict[int, str]:
    """A printable character for each byte, as in GPT-2's vocabulary: Latin-1's own where it has one, else from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + n) for n, byte in enumerate(others)}}


_CHARACTERS: Final = _byte_characters()
_BYTES: Final = {character: byte for byte, character in _CHARACTERS.items()}


class Tokenizer:
    """Texts as token ids and back. `special` are the added tokens, by their text."""

    def __init__(
        self, vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]], special: Mapping[str, int]
    ) -> None:
        self.special = dict(special)
        self.size = 1 + max([*vocabulary.values(), *special.values()])
        self._ids = dict(vocabulary)
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._pieces = {
            number: bytes(map(_BYTES.__getitem__, text)) for text, number in vocabulary.items() if text not in special
        }
        self._encoded = lru_cache(1 << 16)(self._encode)

    @staticmethod
    def loads(text: str | bytes) -> Tokenizer:
        """What a `tokenizer.json` describes. DataError where it is another kind of tokenizer."""
        try:
            data: dict[str, Any] = json.loads(text)
            model = data["model"]
            special = {each["content"]: each["id"] for each in data["added_tokens"]}
            merges = [_pair(each) for each in model["merges"]]
            kind, vocabulary = model["type"], cast("dict[str, int]", model["vocab"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"this is no tokenizer.json: {error!r}") from error
        if kind != "BPE" or PATTERN not in json.dumps(data.get("pre_tokenizer")).replace("\\\\", "\\"):
            raise DataError(f"a tokenizer of type {kind} that splits otherwise than ours cannot be read here")
        return Tokenizer(vocabulary, merges, special)

    def encode(self, text: str) -> list[int]:
        """The ids of a text. Lone surrogates become question marks."""
        found: list[int] = []
        for piece in _SPLIT.findall(text):
            found += self._encoded(piece)
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; added tokens have none, bytes that are no UTF-8 become replacement characters."""
        return b"".join(self._pieces.get(number, b"") for number in ids).decode("utf-8", "replace")

    def stream(self) -> Decoder:
        """A decoder for ids that come one by one."""
        return Decoder(self._pieces)

    def _encode(self, piece: str) -> tuple[int, ...]:
        symbols = [_CHARACTERS[byte] for byte in piece.encode("utf-8", "replace")]
        return tuple(self._ids[symbol] for symbol in self._merged(symbols))

    def _merged(self, symbols: list[str]) -> Iterator[str]:
        """The symbols with all merges made, the earliest in the list first, and of equal ones the leftmost."""
        following = [*range(1, len(symbols)), -1]
        before = list(range(-1, len(symbols) - 1))
        queue = [found for at in range(len(symbols) - 1) if (found := self._candidate(symbols, at, at + 1))]
        heapq.heapify(queue)
        while queue:
            _, at, one, two = heapq.heappop(queue)
            after = following[at]
            if symbols[at] != one or after < 0 or symbols[after] != two:
                continue  # one of them is part of something longer by now
            symbols[at], symbols[after] = one + two, ""
            following[at] = following[after]
            if following[at] >= 0:
                before[following[at]] = at
            for first, second in ((before[at], at), (at, following[at])):
                if first >= 0 and second >= 0 and (found := self._candidate(symbols, first, second)):
                    heapq.heappush(queue, found)
        return (symbol for symbol in symbols if symbol)

    def _candidate(self, symbols: list[str], at: int, after: int) -> tuple[int, int, str, str] | None:
        rank = self._ranks.get((symbols[at], symbols[after]))
        return None if rank is None else (rank, at, symbols[at], symbols[after])


class Decoder:
    """Text as it comes: a character is given out when all its bytes are there."""

    def __init__(self, pieces: Mapping[int, bytes]) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, number: int) -> str:
        return self._decoder.decode(self._pieces.get(number, b""))

    def end(self) -> str:
        """What is left of a character that was cut off."""
        return self._decoder.decode(b"", final=True)


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    """A merge as the file has it: two symbols with a space between, or a list of two."""
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second
