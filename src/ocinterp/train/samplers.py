"""Who answers for a policy while it is trained: engines in this process, with the weights that it has just now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from ocinterp.errors import DataError, UsageError
from ocinterp.models.batched import Form
from ocinterp.models.engine import Engine, Limits, Sampling, Strand, complete
from ocinterp.train.lockstep import Rounds
from ocinterp.train.rollouts import Round


class Sampler(Protocol):
    """Answers by given weights. `seconds` and `tokens` are of all that it has said."""

    seconds: float
    tokens: int

    @property
    def name(self) -> str:
        """For people."""
        ...

    async def take(self, model: Any, /) -> None:
        """From now on the weights are those of this model. It is told after every change."""
        ...

    def rounds(self, seeds: Sequence[str], /) -> Round: ...


class InProcess:
    """An engine of `models`, all of whose answers are made in step (lockstep.py)."""

    def __init__(self, name: str, form: Form, sampling: Sampling, most: int, made: Callable[[Any], Engine]) -> None:
        """`made` makes an engine of a model; prompt and answer have at most `most` tokens."""
        self.name = name
        self.seconds, self.tokens = 0.0, 0
        self._form, self._sampling, self._most, self._made = form, sampling, most, made
        self._engine: Engine | None = None
        self._around: Callable[[], AbstractContextManager[Any]] = nullcontext

    async def take(self, model: Any, /) -> None:
        self._engine = self._made(model)

    def rounds(self, seeds: Sequence[str], /) -> Round:
        assert self._engine is not None
        return Rounds(self._engine, self._form, self._sampling, seeds=seeds, most=self._most, carry=self._carry)

    def within(self, around: Callable[[], AbstractContextManager[Any]]) -> InProcess:
        """The same; every step is made in such a context."""
        self._around = around
        return self

    def _carry(self, engine: Engine, strands: Sequence[Strand], limits: Limits) -> None:
        began = time.perf_counter()
        with self._around():
            complete(engine, strands, limits)
        self.seconds += time.perf_counter() - began
        self.tokens += sum(len(each.said) for each in strands)


def pocket(folder: Path, sampling: Sampling, most: int) -> InProcess | None:
    """The numpy engine, where it can run the model of a folder; it reads the weights in place and copies them."""
    from ocinterp.models.pocket import blas, card
    from ocinterp.models.pocket.engine import PocketEngine
    from ocinterp.models.pocket.llama import Config, Llama
    from ocinterp.models.pocket.model import Speech
    from ocinterp.models.pocket.tokenizer import Tokenizer

    try:
        config = Config.loads(card.content_of(folder, card.CONFIG))
        speech = Speech.of(Tokenizer.loads(card.content_of(folder, card.TOKENIZER)))
    except (DataError, UsageError):
        return None  # a model of another kind
    blas.use_one_thread()

    def made(model: Any) -> Engine:
        return PocketEngine(Llama(config, {name: each.detach().numpy() for name, each in model.named_parameters()}))

    return InProcess("the numpy engine", speech, sampling, most, made)


def transformers(tokenizer: Any, end: int, sampling: Sampling, most: int) -> InProcess:
    """The very model that is trained, between its steps; an answer ends with the id `end`, or one of the model's own."""
    from ocinterp.models.transformers import Speech, TransformersEngine

    def made(model: Any) -> Engine:
        return TransformersEngine(model.eval())

    return InProcess("transformers", Speech(tokenizer, frozenset({end})), sampling, most, made)
