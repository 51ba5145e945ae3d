"""A pocket model from its folder: weights, tokenizer and the form of its dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocinterp.errors import DataError
from ocinterp.models.batched import Batched
from ocinterp.models.engine import Limits, Sampling
from ocinterp.models.pocket import blas, card, weights
from ocinterp.models.pocket.engine import PocketEngine
from ocinterp.models.pocket.llama import Config, Llama
from ocinterp.models.pocket.roles import RoleTokens
from ocinterp.models.pocket.tokenizer import Decoder, Tokenizer
from ocinterp.types import Message


@dataclass(frozen=True, slots=True)
class Speech:
    """The form of a pocket model's dialogues, for `Batched`."""

    tokenizer: Tokenizer
    roles: RoleTokens

    @staticmethod
    def of(tokenizer: Tokenizer) -> Speech:
        """DataError where the tokenizer has no tokens for roles."""
        return Speech(tokenizer, RoleTokens.of(tokenizer))

    @property
    def ends(self) -> frozenset[int]:
        return frozenset({self.roles.end})

    def prompt(self, messages: Sequence[Message], /) -> list[int]:
        return self.roles.prompt(messages)

    def stream(self) -> Decoder:
        return self.tokenizer.stream()


@dataclass(frozen=True, slots=True)
class Pocket:
    """A model that is loaded. `name` holds a hash of its files."""

    name: str
    llama: Llama
    speech: Speech

    @staticmethod
    def load(folder: Path | None = None) -> Pocket:
        """The model in a folder, else the one that came with the package. BLAS is set to one thread.

        UsageError where a file is missing, DataError where one is not what it should be.
        """
        folder = folder or card.BUILT_IN
        blas.use_one_thread()
        try:
            tokenizer = Tokenizer.loads(card.content_of(folder, card.TOKENIZER))
            tensors, _ = weights.loads(card.content_of(folder, card.WEIGHTS))
            llama = Llama(Config.loads(card.content_of(folder, card.CONFIG)), tensors)
            speech = Speech.of(tokenizer)
        except DataError as error:
            raise DataError(f"{folder}: {error}") from error
        if tokenizer.size > llama.config.vocab_size:
            raise DataError(f"{folder}: {tokenizer.size} tokens, but weights for {llama.config.vocab_size}")
        return Pocket(card.read(folder).name, llama, speech)

    def batched(self, sampling: Sampling = Sampling(), limits: Limits = Limits()) -> Batched:
        """The model, ready to be asked; a context manager."""
        return Batched(PocketEngine(self.llama), self.speech, sampling, name=self.name, limits=limits)
