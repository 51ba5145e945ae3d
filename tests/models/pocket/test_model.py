"""A pocket model from its folder: loaded whole or refused, and worth what was measured of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.pocket.tiny import ROLES, tokenizer, tokenizer_json, write
from ocinterp.errors import DataError, UsageError
from ocinterp.models.engine import Sampling
from ocinterp.models.pocket import blas, card
from ocinterp.models.pocket.model import Pocket, Speech
from ocinterp.models.pocket.roles import TEMPLATE, RoleTokens
from ocinterp.models.pocket.tokenizer import Tokenizer
from ocinterp.types import Message

ASKED = [Message("user", "return in 12")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "model")


async def test_a_folder_answers(folder: Path) -> None:
    pocket = Pocket.load(folder)
    async with pocket.batched(Sampling(max_tokens=8)) as model:
        found = await model.generate(ASKED)
    assert found.tokens is not None
    special = tokenizer().special
    assert found.tokens.prompt_ids[0] == special["<|user|>"]
    assert found.tokens.prompt_ids[-2:] == (special["<|end|>"], special["<|assistant|>"])
    assert found.text == tokenizer().decode(found.tokens.completion_ids)


def test_what_the_system_says_is_not_put_before_a_pocket_model() -> None:
    speech = Speech.of(tokenizer())
    assert speech.prompt([Message("system", "There is no network."), *ASKED]) == speech.prompt(ASKED)


async def test_small_weights_answer_nearly_as_the_numbers_that_they_stand_for(tmp_path: Path) -> None:
    logprobs: list[float] = []
    for small in (True, False):
        pocket = Pocket.load(write(tmp_path / str(small), small=small))
        async with pocket.batched(Sampling(max_tokens=1)) as model:
            found = await model.generate(ASKED)
        assert found.tokens is not None
        logprobs += found.tokens.logprobs
    assert logprobs[0] == pytest.approx(logprobs[1], abs=0.2)


def test_a_models_name_holds_a_hash_of_its_files(folder: Path, tmp_path: Path) -> None:
    name = Pocket.load(folder).name
    assert name == card.read(folder).name == card.read(write(tmp_path / "same")).name
    other = write(tmp_path / "other", small=False)
    assert card.read(other).name != name
    assert name.startswith("pocket@")


@pytest.mark.parametrize("name", card.FILES)
def test_a_folder_that_lacks_a_file_is_none(folder: Path, name: str) -> None:
    assert card.there(folder)
    (folder / name).unlink()
    assert not card.there(folder)
    with pytest.raises(UsageError, match=rf"holds no pocket model \(.*\): {name}: No such file"):
        Pocket.load(folder)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", "{}", "no configuration of a Llama"),
        ("model.safetensors", "no", "no safetensors file"),
        ("tokenizer.json", "{}", r"no tokenizer\.json"),
        ("tokenizer.json", tokenizer_json().replace("<|end|>", "<|stop|>"), r"the tokenizer has no token <\|end\|>"),
        ("tokenizer.json", tokenizer_json(tuple((one, "a") for one in "abcdefgh") * 9), None),
        ("tokenizer.json", tokenizer_json(tuple((f"a{'b' * n}", "b") for n in range(90))), "351 tokens, but weights"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_folder(
    folder: Path, name: str, content: str, said: str | None
) -> None:
    (folder / name).write_text(content)
    if said is None:
        Pocket.load(folder)
        return
    with pytest.raises(DataError, match=rf"model: .*{said}"):
        Pocket.load(folder)


def evaluation(model: str) -> str:
    """As `ocinterp eval --json` writes it, as far as it is read here."""
    settings = {"single": {"pass@1": 0.8012, "n": 1200}, "human-base": {"pass@1": 0.9, "n": 1200}}
    missing = {"oracle-base": {"pass@1": None, "n": 1200}}
    return json.dumps({"model": model, "dataset": {"name": "pocket"}, "settings": settings | missing})


def test_what_was_measured_of_these_files_is_said(folder: Path) -> None:
    name = card.read(folder).name
    assert card.read(folder).measured == "how much it solves has not been measured"
    (folder / card.EVALUATION).write_text(evaluation(name))
    said = "of 1,200 tasks of `ocinterp eval pocket` it solves 80.1 % (single), 90.0 % (human-base)"
    assert card.read(folder).measured == said


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": {"single": 1}}', evaluation("pocket@00000000")])
def test_what_was_measured_of_others_is_not(folder: Path, content: str) -> None:
    (folder / card.EVALUATION).write_text(content)
    assert card.read(folder).solved == {}


def test_the_template_names_the_tokens_that_the_form_has() -> None:
    form = RoleTokens.of(tokenizer())
    assert set(ROLES) == {"<|pad|>", "<|end|>", *(f"<|{role}|>" for role in form.roles)}
    assert all(f"'{role}'" in TEMPLATE for role in form.roles)
    assert TEMPLATE.count("<|end|>") == 2
    with pytest.raises(DataError, match=r"no token <\|system\|>, <\|user\|>"):
        RoleTokens.of(Tokenizer({"a": 0}, [], {"<|assistant|>": 1, "<|end|>": 2}))


def test_products_of_matrices_are_set_to_one_thread() -> None:
    assert blas.use_one_thread() >= 1
