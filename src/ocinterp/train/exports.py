"""Lessons for other trainers, with the weights of our own training. No torch is needed for any of them.

TRL has no weight for a message, but takes a dataset of `input_ids` and `labels` as it is; axolotl reads a flag `train` on each
message of a chat (`message_field_training`); LLaMA-Factory's v1 format has a `loss_weight` on each, and contents as parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ocinterp.errors import DataError, UsageError
from ocinterp.files import replace_file
from ocinterp.train import sources
from ocinterp.train.lessons import Lesson
from ocinterp.train.rows import Counts, Format, Row, rows

Trainer = Literal["trl", "axolotl", "llamafactory"]

TRAINERS: Final = get_args(Trainer)
_IGNORED: Final = -100  # the label of a token that is not learnt, in transformers

HINTS: Final[dict[Trainer, str]] = {
    "trl": "TRL: SFTTrainer takes it as it is: datasets.load_dataset('json', data_files={path!r}), packing=True",
    "axolotl": """axolotl:
datasets:
  - path: {path}
    ds_type: json
    type: chat_template
    field_messages: messages
    message_field_training: train
    roles_to_train: []
    train_on_eos: turn""",
    "llamafactory": "LLaMA-Factory (v1): a dataset of messages, each with its loss_weight: file_name: {path}",
}


@dataclass(frozen=True, slots=True)
class Export:
    """A file to be written for another trainer. `form` and `longest` are TRL's, whose rows are tokens."""

    trainer: Trainer
    files: Sequence[Path]
    out: Path
    form: Format | None = None
    longest: int = 4096


def write(export: Export) -> Counts:
    """Write it, whole or not at all, and say what became of the lessons. UsageError for weights that the trainer cannot have."""
    counts = Counts()
    if export.trainer == "trl":
        if export.form is None:
            raise UsageError("TRL is given tokens: say of which tokenizer, as in --tokenizer FOLDER")
        found = rows(_lessons(export.files), export.form, export.longest, counts)
        made: Iterable[Any] = (_labelled(row) for row in found)
    else:
        write_one = _WRITERS[export.trainer]
        made = (write_one(each) for each in _teaching(_lessons(export.files), counts))
    replace_file(export.out, _lines(made, counts))
    return counts


def _lines(made: Iterable[Any], counts: Counts) -> Iterator[bytes]:
    for each in made:
        yield json.dumps(each, ensure_ascii=False).encode() + b"\n"
    if not counts.rows:
        raise DataError("there is nothing to learn in these files: nothing was written")


def _lessons(files: Sequence[Path]) -> Iterator[Lesson]:
    for path in files:
        yield from sources.read(path)


def _teaching(lessons: Iterable[Lesson], counts: Counts) -> Iterator[Lesson]:
    for each in lessons:
        if each.teaches:
            counts.rows += 1
            yield each
        else:
            counts.idle += 1


def _labelled(row: Row) -> dict[str, list[int]]:
    labels = [
        number if _is_whole(weight, "TRL") else _IGNORED for number, weight in zip(row.ids, row.weights, strict=True)
    ]
    return {"input_ids": list(row.ids), "labels": labels}


def _flagged(lesson: Lesson) -> dict[str, Any]:
    messages = [
        {"role": each.role, "content": each.content, "train": _is_whole(weight, "axolotl")}
        for each, weight in zip(lesson.messages, lesson.weights, strict=True)
    ]
    return {"messages": messages}


def _weighed(lesson: Lesson) -> dict[str, Any]:
    messages = [
        {"role": each.role, "content": [{"type": "text", "value": each.content}], "loss_weight": weight}
        for each, weight in zip(lesson.messages, lesson.weights, strict=True)
    ]
    return {"messages": messages}


def _is_whole(weight: float, trainer: str) -> bool:
    if weight not in {0, 1}:
        raise UsageError(f"{trainer} learns a message or does not: it cannot have the weight {weight:g}")
    return bool(weight)


_WRITERS: Final[dict[str, Callable[[Lesson], dict[str, Any]]]] = {"axolotl": _flagged, "llamafactory": _weighed}
