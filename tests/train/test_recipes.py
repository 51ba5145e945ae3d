"""Recipes are read, changed and checked; models are counted, and memory is what the formula says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ocinterp.errors import DataError, UsageError
from ocinterp.train import memory, orders, recipe, shapes
from ocinterp.train.recipe import Recipe, find
from ocinterp.train.shapes import Shape

PAPER = {
    "ds-1.3b": 1.35,
    "ds-6.7b": 6.74,
    "ds-33b": 33.3,
    "cl-7b": 6.74,
    "cl-13b": 13.0,
    "cl-34b": 33.7,
    "cl-70b": 69.0,
    "gm-7b": 8.54,
    "sc2-3b": 3.03,
    "sc2-7b": 7.17,
    "sc2-15b": 16.0,
}
SHAPE = Shape("llama", 2, 32, 48, 4, 2, 320)


@pytest.mark.parametrize("name", PAPER)
def test_every_model_of_the_paper_has_a_recipe_with_the_papers_numbers(name: str) -> None:
    found = find(name)
    assert (found.epochs, found.rate, found.warmup, found.schedule, found.context) == (3, 2e-5, 0.05, "cosine", 4096)
    assert [(each.name, each.share) for each in found.mix] == [("single-turn", 2), ("Code-Feedback", 1)]
    assert found.base
    assert found.licence
    assert found.shape is not None
    assert found.shape.parameters / 1e9 == pytest.approx(PAPER[name], rel=0.01)  # as its publishers say
    assert found.lora is None


def test_all_recipes_and_their_variants_can_be_read() -> None:
    for name in recipe.names():
        assert find(name).name == name
    adapters, quantized = find("cl-34b+lora").lora, find("cl-34b+qlora").lora
    assert adapters is not None
    assert quantized is not None
    assert (adapters.bits, quantized.bits) == (16, 4)
    assert find("cl-34b+lora").rate == 2e-4


def test_a_value_can_be_changed_and_a_new_one_is_checked_like_those_of_the_file() -> None:
    found = find("ds-1.3b+lora", ["rate=1e-6", "lora.rank=8", "base=./here", "shape.layers=3", "schedule=trapezoid"])
    assert (found.rate, found.base, found.schedule) == (1e-6, "./here", "trapezoid")
    assert found.lora is not None
    assert found.lora.rank == 8
    assert found.shape is not None
    assert found.shape.layers == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["rate"], "expected key=value"),
        (["rte=1"], "'rte' is not known; known are stage, title"),
        (["epochs=0"], "epochs is 0; expected a whole number above 0"),
        (["epochs=1.5"], "epochs is 1.5; expected a whole number"),
        (["rate=nan"], "rate is nan; expected a number above 0"),
        (["rate=fast"], "rate is 'fast'; expected a number above 0"),
        (["checkpointing=1"], "checkpointing is 1; expected true or false"),
        (["optimizer=sgd"], "optimizer is 'sgd'; choose of adamw, muon"),
        (["shape.depth=3"], "'depth' is not known"),
        (["shape.architecture=gpt2"], "choose of llama, mistral, gemma, starcoder2"),
        (["shape=3"], "expected a table, found 3"),
        (["lora.bits=3"], "lora.bits is 3"),
        (["warmup=1.5"], "shares of a run"),
        (["mix=3"], "mix is a list of tables"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said(changes: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find("ds-1.3b", changes)


def test_a_recipe_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no recipe 'ds-7b': choose of .*ds-6\.7b"):
        find("ds-7b")
    with pytest.raises(UsageError, match=r"no variant \+dora: choose of \+lora, \+qlora"):
        find("ds-1.3b+dora")
    with pytest.raises(DataError, match="no such file"):
        find(str(tmp_path / "mine.toml"))


def test_a_file_of_ones_own_may_begin_from_a_recipe(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('like = "ds-1.3b"\nepochs = 1\n[shape]\nlayers = 2\n')
    found = find(str(mine))
    assert (found.epochs, found.base) == (1, find("ds-1.3b").base)
    assert found.shape == replace(find("ds-1.3b").shape or SHAPE, layers=2)
    mine.write_text(f'like = "{mine}"\n')
    with pytest.raises(UsageError, match="like itself"):
        find(str(mine))
    mine.write_text("epochs = \n")
    with pytest.raises(UsageError, match="is not TOML"):
        find(str(mine))
    mine.write_text('[shape]\narchitecture = "llama"\n')
    with pytest.raises(UsageError, match="shape: layers, hidden, intermediate, heads, groups, vocabulary is missing"):
        find(str(mine))


def test_more_gpus_hold_more_and_the_fewest_that_fit_are_found() -> None:
    found = find("ds-33b")
    assert found.shape is not None
    best = memory.fitting(found, found.shape, 80e9)
    assert best is not None
    assert best.total <= 80e9 < memory.estimate(found, found.shape, best.gpus // 2).total
    assert memory.fitting(found, found.shape, 5e9) is None
    totals = [memory.estimate(found, found.shape, gpus).total for gpus in (2, 4, 8)]
    assert totals == sorted(totals, reverse=True)


def test_a_number_that_is_trained_takes_sixteen_bytes() -> None:
    found = Recipe("r", shape=SHAPE)
    assert memory.estimate(found, SHAPE, 1).states == 16 * SHAPE.parameters
    assert memory.estimate(found, SHAPE, 4).states == 4 * SHAPE.parameters


@pytest.mark.parametrize("name", PAPER)
def test_adapters_take_less_and_four_bits_least(name: str) -> None:
    full, lora, qlora = (find(name + each) for each in ("", "+lora", "+qlora"))
    assert full.shape is not None
    totals = [memory.estimate(each, full.shape, 1).total for each in (full, lora, qlora)]
    assert totals == sorted(totals, reverse=True)
    assert memory.trained(lora, full.shape) < 0.1 * memory.trained(full, full.shape)


@pytest.mark.parametrize("name", PAPER)
def test_the_documentation_has_the_gpus_that_the_formula_gives(name: str) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text("utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
    fits: list[str] = []
    for variant in ("", "+lora", "+qlora"):
        found = find(name + variant)
        assert found.shape is not None
        best = memory.fitting(found, found.shape, 80e9)
        assert best is not None
        fits.append(f"{best.gpus} × {best.total / 1e9:.0f} GB")
    assert row == f"| `{name}` | {find(name).base} | {' | '.join(fits)} |"


def test_without_checkpointing_the_activations_of_all_layers_are_kept() -> None:
    found = find("ds-6.7b")
    assert found.shape is not None
    kept = memory.estimate(replace(found, checkpointing=False), found.shape, 1).activations
    assert kept > 5 * memory.estimate(found, found.shape, 1).activations


def test_the_shape_of_a_folders_model_is_read_from_its_configuration(tmp_path: Path) -> None:
    assert shapes.of_folder(tmp_path) is None
    path = tmp_path / "config.json"
    path.write_text(
        '{"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 48,'
        ' "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 320}'
    )
    assert shapes.of_folder(tmp_path) == SHAPE
    path.write_text('{"model_type": "mamba"}')
    assert shapes.of_folder(tmp_path) is None
    path.write_text('{"model_type": "llama"}')
    with pytest.raises(DataError, match="incomplete"):
        shapes.of_folder(tmp_path)
    path.write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        shapes.of_folder(tmp_path)


def test_the_peak_of_a_device_is_known_by_its_name() -> None:
    assert orders.peak_of("NVIDIA H100 80GB HBM3") == orders.peak_of("NVIDIA H200") == 989e12
    assert orders.peak_of("NVIDIA H100 PCIe") == 756e12
    assert orders.peak_of("NVIDIA A100-SXM4-80GB") == 312e12
    assert orders.peak_of("NVIDIA T4") is None
