"""Models of a few thousand numbers with tokenizers of their own, in folders as a hub has them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ocinterp import records
from ocinterp.synth.pocket.dialogues import dialogues
from ocinterp.train import chats, models, tokenizers
from ocinterp.train.chats import ChatFormat
from ocinterp.train.orders import Screen
from ocinterp.train.parallel import World
from ocinterp.train.shapes import Shape

models.prepare(1)

SHAPES = {
    "llama": Shape("llama", 2, 32, 48, 4, 2, 320, tied=True),
    "mistral": Shape("mistral", 2, 32, 48, 4, 2, 320, head=16),
    "gemma": Shape("gemma", 2, 32, 48, 4, 1, 320, tied=True, head=16),
    "starcoder2": Shape("starcoder2", 2, 32, 48, 4, 2, 320, tied=True),
}


def tokenizer(template: str = "roles") -> Any:
    """One of bytes and a few merges."""
    found = tokenizers.learn(["return the numbers of the list in order"] * 3, 300)
    found.chat_template = chats.template(template) if template in chats.templates() else template
    return found


def base(folder: Path, architecture: str = "llama", template: str = "roles") -> Path:
    """A model to begin with."""
    made = tokenizer(template)
    model = models.make(models.config_of(SHAPES[architecture], len(made)), "1")
    folder.mkdir(parents=True)
    models.save(model, made, ChatFormat(made).end if template else 4, folder, World())
    return folder


def data(folder: Path, count: int = 30) -> Path:
    """Dialogues by rule."""
    path = folder / "dialogues.jsonl"
    records.write(path, islice(dialogues("smallest"), count))
    return path


class Spoken:
    """A screen that remembers, and wants the run to end after a number of steps."""

    def __init__(self, steps: int = 1 << 30) -> None:
        self.lines: list[str] = []
        self.losses: list[float] = []
        self._left = steps
        self.screen = Screen(self.lines.append, self._shown, self._enough)

    @contextlib.contextmanager
    def _shown(self, total: int) -> Iterator[Callable[[Any], None]]:
        assert total > 0
        yield lambda found: self.losses.append(found.loss)

    def _enough(self) -> bool:
        self._left -= 1
        return self._left <= 0


def learnt(form: ChatFormat, made: Any, row: Any) -> str:
    """The text of the tokens that count, with the special ones."""
    ids: Sequence[int] = [number for number, weight in zip(row.ids, row.weights, strict=True) if weight]
    return made.decode(ids)
