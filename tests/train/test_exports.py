"""Files for other trainers have the weights of our own training."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from models.pocket.tiny import tokenizer
from ocinterp import records
from ocinterp.errors import DataError, UsageError
from ocinterp.synth.pocket.dialogues import dialogues
from ocinterp.train import exports, sources
from ocinterp.train.exports import Export, Trainer
from ocinterp.train.lessons import lesson
from ocinterp.train.rows import Counts, RoleTokens, rows
from ocinterp.types import Completion, Message, Trajectory, Turn

TOKENIZER = tokenizer()
ROLES = {role: TOKENIZER.special[f"<|{role}|>"] for role in ("system", "user", "assistant")}
FORM = RoleTokens(TOKENIZER.encode, ROLES, TOKENIZER.special["<|end|>"])
MADE = list(islice(dialogues("exports"), 40))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    idle = Trajectory("idle", (Message("user", "Ask."),), (Turn(Completion("cut", "length")),))
    records.write(path, [*MADE, idle])
    return path


def exported(trainer: Trainer, data: Path) -> tuple[list[Any], Counts]:
    out = data.parent / f"{trainer}.jsonl"
    counts = exports.write(Export(trainer, [data], out, FORM, 400))
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()], counts


@pytest.mark.parametrize("trainer", ["axolotl", "llamafactory"])
def test_what_is_exported_reads_back_as_the_same_lessons(trainer: Trainer, data: Path) -> None:
    found, counts = exported(trainer, data)
    assert counts == Counts(rows=40, idle=1)
    assert len(found) == 40
    assert list(sources.read(data.parent / f"{trainer}.jsonl")) == [lesson(each) for each in MADE]


def test_axolotl_is_told_which_messages_to_train_on(data: Path) -> None:
    found, _ = exported("axolotl", data)
    flags = [[message["train"] for message in row["messages"]] for row in found]
    assert flags == [[bool(weight) for weight in lesson(each).weights] for each in MADE]
    assert any(row.count(True) == 1 and len(row) >= 4 for row in flags)  # an answer that failed is context


def test_llama_factory_is_told_what_each_message_is_worth(data: Path) -> None:
    found, _ = exported("llamafactory", data)
    first = found[0]["messages"][0]
    assert first == {
        "role": "user",
        "content": [{"type": "text", "value": MADE[0].prompt[0].content}],
        "loss_weight": 0.0,
    }


def test_trl_is_given_the_tokens_and_labels_of_our_own_rows(data: Path) -> None:
    found, counts = exported("trl", data)
    ours = list(rows(map(lesson, MADE), FORM, 400, Counts()))
    assert counts.rows == len(ours) == len(found)
    for row, each in zip(ours, found, strict=True):
        assert each["input_ids"] == list(row.ids)
        learnt = [label for label in each["labels"] if label != -100]
        assert learnt == [number for number, weight in zip(row.ids, row.weights, strict=True) if weight]
        assert learnt[-1] == FORM.end


@pytest.mark.parametrize(("trainer", "name"), [("axolotl", "axolotl"), ("trl", "TRL")])
def test_a_weight_that_a_trainer_cannot_have_is_refused_and_nothing_is_written(
    trainer: Trainer, name: str, tmp_path: Path
) -> None:
    data = tmp_path / "data.jsonl"
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0.5}]}
    data.write_text(json.dumps(row) + "\n")
    out = tmp_path / "out.jsonl"
    with pytest.raises(UsageError, match=f"{name} learns a message or does not: it cannot have the weight 0.5"):
        exports.write(Export(trainer, [data], out, FORM))
    assert not out.exists()
    exports.write(Export("llamafactory", [data], out))
    assert json.loads(out.read_text())["messages"][1]["loss_weight"] == 0.5


@pytest.mark.parametrize("trainer", exports.TRAINERS)
def test_files_without_anything_to_learn_are_not_exported(trainer: Trainer, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "Ask."}]}\n')
    with pytest.raises(DataError, match="nothing to learn"):
        exports.write(Export(trainer, [data], tmp_path / "out.jsonl", FORM))
    assert [each.name for each in tmp_path.iterdir()] == ["data.jsonl"]


def test_trl_needs_a_tokenizer(data: Path) -> None:
    with pytest.raises(UsageError, match="say of which tokenizer"):
        exports.write(Export("trl", [data], data.parent / "x"))
