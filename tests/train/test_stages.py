"""Whole runs: from files to a folder that any program reads, with every architecture of the paper, shrunk."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: make test-train")
pytest.importorskip("transformers", reason="transformers is not installed: make test-train")

import safetensors.torch
import torch
import transformers

from ocinterp.errors import DataError, UsageError
from ocinterp.models.pocket.llama import Cache, Config, Llama, Span
from ocinterp.models.pocket.weights import loads
from ocinterp.train import card, curves, models, pretrain, sft
from ocinterp.train.chats import ChatFormat
from ocinterp.train.folders import RUN
from ocinterp.train.loop import CHECKPOINT, METRICS
from ocinterp.train.orders import Ended, Order
from ocinterp.train.parallel import World
from ocinterp.train.recipe import find
from ocinterp.train.shapes import Shape
from ocinterp.train.sources import Source
from train import smallest
from train.smallest import SHAPES, Spoken

SMALL = ("context=512", "packs=4", "packs_at_once=4", "rate=3e-3", "epochs=2")


def order(base: Path, data: Path, out: Path, *changes: str, name: str = "common", **more: Any) -> Order:
    recipe = find(name, [*SMALL, f"base={base}", *changes])
    return Order(recipe, (Source(data),), out, device="cpu", every=2, **more)


def trained(order: Order, steps: int = 1 << 30) -> Spoken:
    spoken = Spoken(steps)
    assert sft.run(order, spoken.screen).finished == (steps == 1 << 30)
    return spoken


def losses(folder: Path) -> list[float]:
    return [each["loss"] for each in card.metrics((folder / METRICS).read_text())]


def logits(folder: Path) -> Any:
    made = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return made(input_ids=torch.tensor([[5, 9, 40, 7]])).logits


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return smallest.data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    for name in SHAPES:
        smallest.base(folder / name, name)
    return folder


@pytest.mark.parametrize("architecture", SHAPES)
def test_every_architecture_trains_goes_on_exactly_and_is_saved(
    architecture: str, bases: Path, data: Path, tmp_path: Path
) -> None:
    whole = order(bases / architecture, data, tmp_path / "whole")
    first = trained(whole).losses
    assert first[-1] < first[0]
    cut = replace(whole, folder=tmp_path / "cut")
    assert len(trained(cut, steps=3).losses) == 3
    assert (cut.folder / CHECKPOINT).exists()
    trained(cut)
    assert losses(cut.folder) == losses(whole.folder) == first
    assert torch.equal(logits(cut.folder), logits(whole.folder))
    assert not torch.equal(logits(whole.folder), logits(bases / architecture))
    assert not (cut.folder / CHECKPOINT).exists()


@pytest.mark.parametrize("architecture", SHAPES)
def test_rows_of_a_pack_do_not_see_each_other(architecture: str, bases: Path) -> None:
    made = transformers.AutoModelForCausalLM.from_pretrained(bases / architecture, dtype=torch.float32).eval()
    lengths = (7, 12, 5)
    parts = [torch.randint(0, 300, (1, length)) for length in lengths]
    places = torch.cat([torch.arange(length) for length in lengths])[None]
    with torch.no_grad():
        together = made(input_ids=torch.cat(parts, 1), position_ids=places, use_cache=False).logits
        alone = torch.cat([made(input_ids=part, use_cache=False).logits for part in parts], 1)
    assert (together - alone).abs().max() < 1e-5


@pytest.mark.parametrize("architecture", SHAPES)
def test_a_shape_counts_what_its_model_has(architecture: str) -> None:
    shape = SHAPES[architecture]
    assert models.count(models.config_of(shape, 300)) == shape.parameters
    bare = models.make(models.config_of(shape, 300), "1")
    models.add_adapters(bare, find("common+lora").lora, "1")
    added = sum(weight.numel() for weight in bare.parameters() if weight.requires_grad)
    assert added == shape.adapters(64)


@pytest.mark.parametrize("name", ["ds-1.3b", "ds-33b", "cl-70b", "gm-7b", "sc2-3b", "sc2-15b"])
def test_a_recipes_shape_counts_what_its_model_has(name: str) -> None:
    shape = find(name).shape
    assert shape is not None
    assert models.count(models.config_of(shape, 300)) == shape.parameters


def test_the_folder_of_a_run_holds_all_that_others_need(bases: Path, data: Path, tmp_path: Path) -> None:
    done = order(bases / "llama", data, tmp_path / "out", licence="MIT", results="| pass@1 |\n|---|\n| 12 |")
    spoken = trained(done)
    names = {each.name for each in done.folder.iterdir()}
    assert names >= {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", METRICS, "README.md"}
    assert ("curves.png" in names) == curves.available()
    if curves.available():
        assert (done.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    text = (done.folder / "README.md").read_text()
    assert "Licence of the data: MIT." in text
    assert "| 12 |" in text
    assert str(data) in text
    generation = json.loads((done.folder / "generation_config.json").read_text())
    made = transformers.AutoTokenizer.from_pretrained(done.folder)
    assert generation["eos_token_id"][0] == ChatFormat(made).end
    assert any("rows" in line for line in spoken.lines)
    assert "estimated memory: 1.6 GB" in spoken.lines
    again = Spoken()
    assert sft.run(done, again.screen) == Ended(finished=True)
    assert again.lines == [f"{done.folder} holds this run, finished: there is nothing to do"]


def test_another_run_does_not_take_its_place(bases: Path, data: Path, tmp_path: Path) -> None:
    begun = order(bases / "llama", data, tmp_path / "out")
    trained(begun, steps=2)
    for other in (
        order(bases / "llama", data, begun.folder, "rate=1e-3"),
        order(bases / "gemma", data, begun.folder),
        order(bases / "llama", smallest.data(tmp_path, 20), begun.folder),
    ):
        with pytest.raises(UsageError, match=r"holds another run \(.*was.*is"):
            sft.run(other, Spoken().screen)
    trained(order(bases / "llama", data, begun.folder, "packs_at_once=1"))  # how it fits into memory changes nothing
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").touch()
    with pytest.raises(UsageError, match="is not empty, and holds no run"):
        sft.run(replace(begun, folder=full), Spoken().screen)


def test_what_cannot_be_trained_is_refused_before_the_first_step(bases: Path, data: Path, tmp_path: Path) -> None:
    silent = smallest.base(tmp_path / "silent", template="")
    out = tmp_path / "out"
    wrong = {
        "no model to begin with": order(Path(), data, out, "base="),
        "no model can be loaded from": order(tmp_path / "nothing", data, out),
        "has no chat template": order(silent, data, out, "template="),
        "reads 4,096 tokens, the recipe's context is 9,999": order(bases / "llama", data, out, "context=9999"),
        "is the model to begin with": order(bases / "llama", data, bases / "llama"),
        "there is no device 'tpu'": replace(order(bases / "llama", data, out), device="tpu"),
    }
    if not torch.cuda.is_available():
        wrong["has no GPU that torch can use"] = replace(order(bases / "llama", data, out), device="cuda")
    for said, each in wrong.items():
        with pytest.raises(UsageError, match=said):
            sft.run(each, Spoken().screen)
    assert not out.exists()


def test_a_model_whose_logits_are_not_a_product_is_refused(data: Path, tmp_path: Path) -> None:
    shape = SHAPES["llama"]
    config = transformers.GraniteConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=1,
        num_attention_heads=shape.heads,
        logits_scaling=4.0,
    )
    made = smallest.tokenizer()
    (tmp_path / "scaled").mkdir()
    models.save(models.make(config, "1"), made, ChatFormat(made).end, tmp_path / "scaled", World())
    with pytest.raises(UsageError, match="a GraniteForCausalLM changes its logits after its last matrix"):
        sft.run(order(tmp_path / "scaled", data, tmp_path / "out"), Spoken().screen)


def test_a_template_of_ours_serves_a_tokenizer_without_one(data: Path, tmp_path: Path) -> None:
    silent = smallest.base(tmp_path / "silent", template="")
    done = order(silent, data, tmp_path / "out", "template=roles", "epochs=1")
    trained(done)
    assert "<|assistant|>" in transformers.AutoTokenizer.from_pretrained(done.folder).chat_template


def test_a_model_too_large_for_the_disk_is_not_begun(data: Path, tmp_path: Path) -> None:
    shape = Shape("llama", 100_000, 65_536, 262_144, 64, 64, 320, tied=True)
    changes = [f"shape.{name}={getattr(shape, name)}" for name in ("hidden", "intermediate", "heads", "groups")]
    recipe = find("nano", [*changes, "shape.layers=500", "shape.vocabulary=320"])
    with pytest.raises(DataError, match=r"checkpoints and the model need [\d,.]+ GB, and [\d,.]+ GB are free"):
        pretrain.run(Order(recipe, (Source(data),), tmp_path / "out", device="cpu"), Spoken().screen)
    assert not (tmp_path / "out").exists()


SMALL_DISK = """
import resource, signal, sys
from pathlib import Path
from ocinterp.errors import DataError
from ocinterp.train import models, sft
from ocinterp.train.parallel import World
from train.smallest import SHAPES, Spoken, tokenizer
from train.test_stages import order
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
base, data, out = map(Path, sys.argv[1:4])
sft.run(order(base, data, out), Spoken(steps=2).screen)
kept = (out / "checkpoint.pt").read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    sft.run(order(base, data, out), Spoken().screen)
except DataError as error:
    assert (out / "checkpoint.pt").read_bytes() == kept
    assert sorted(each.name for each in out.iterdir()) == ["checkpoint.pt", "metrics.jsonl", "run.json"]
    print(error)
try:
    models.save(models.make(models.config_of(SHAPES["llama"], 300), "1"), tokenizer(), 4, out, World())
except DataError as error:
    print(error)
"""


def test_a_disk_that_is_full_leaves_the_checkpoint_before(bases: Path, data: Path, tmp_path: Path) -> None:
    here = Path(__file__).resolve().parents[1]
    arguments: Sequence[Any] = [sys.executable, "-c", SMALL_DISK, bases / "llama", data, tmp_path / "out"]
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, env={"PYTHONPATH": f"{here}:{here.parent / 'src'}"}
    )
    assert "checkpoint.pt cannot be written: file too large" in done.stdout, done.stderr
    assert "the same command goes on from the one before" in done.stdout
    assert "the model cannot be written to" in done.stdout
    assert (tmp_path / "out" / RUN).exists()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft 0.21 asks by the old name
def test_adapters_leave_the_weights_as_they_are_and_are_saved_beside_the_sum(
    bases: Path, data: Path, tmp_path: Path
) -> None:
    peft: Any = pytest.importorskip("peft", reason="peft is not installed: make test-train")
    done = order(bases / "llama", data, tmp_path / "out", "lora.rank=4", name="common+lora")
    trained(replace(done, folder=tmp_path / "cut"), steps=3)
    trained(replace(done, folder=tmp_path / "cut"))
    trained(done)
    assert losses(tmp_path / "cut") == losses(done.folder)
    base = transformers.AutoModelForCausalLM.from_pretrained(bases / "llama", dtype=torch.float32)
    with_adapters = peft.PeftModel.from_pretrained(base, done.folder / models.ADAPTER).eval()
    with torch.no_grad():
        found = with_adapters(input_ids=torch.tensor([[5, 9, 40, 7]])).logits
    assert torch.allclose(found, logits(done.folder), atol=1e-5)
    assert not torch.allclose(found, logits(bases / "llama"), atol=1e-3)


def test_adapters_over_weights_in_four_bits_are_learnt_and_saved_alone(bases: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: make test-train")
    done = order(bases / "llama", data, tmp_path / "out", "lora.rank=4", name="common+qlora")
    trained(replace(done, folder=tmp_path / "cut"), steps=3)
    trained(replace(done, folder=tmp_path / "cut"))
    spoken = trained(done)
    assert spoken.losses[-1] < spoken.losses[0]
    assert losses(tmp_path / "cut") == losses(done.folder)
    assert (done.folder / models.ADAPTER / "adapter_model.safetensors").exists()
    assert not (done.folder / "model.safetensors").exists()


def test_four_bits_are_refused_where_they_cannot_be_had() -> None:
    if importlib.util.find_spec("bitsandbytes") is None:
        said = r"need bitsandbytes: pip install 'ocinterp\[qlora\]', or take \+lora"
    else:
        said = "by one process: without torchrun"
    with pytest.raises(UsageError, match=said):
        models.check_four_bits(World(size=2))


def test_a_model_from_nothing_is_read_by_the_built_in_engine(data: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text(json.dumps({"text": "def f(xs):\n    return xs\n" * 30}) + "\n")
    sizes = ["shape.hidden=32", "shape.intermediate=48", "shape.layers=2", "shape.vocabulary=300"]
    recipe = find("nano", [*sizes, "packs=4"])
    made = Order(recipe, (Source(data), Source(texts)), tmp_path / "out", device="cpu", every=2)
    begun, spoken = Spoken(steps=2), Spoken()
    assert pretrain.run(made, begun.screen) == Ended(finished=False, step=2)
    assert pretrain.run(made, spoken.screen).finished
    assert spoken.losses[-1] < begun.losses[0]
    whole = replace(made, folder=tmp_path / "whole")
    assert pretrain.run(whole, Spoken().screen).finished
    files = [(each / "model.safetensors").read_bytes() for each in (made.folder, whole.folder)]
    assert files[0] == files[1]
    config = Config.loads((made.folder / "config.json").read_text())
    ours = Llama(config, loads((made.folder / "model.safetensors").read_bytes())[0])
    ids = transformers.AutoTokenizer.from_pretrained(made.folder)("return the list")["input_ids"]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(made.folder, dtype=torch.float32)
    with torch.no_grad():
        expected = theirs(input_ids=torch.tensor([ids])).logits[0].numpy()
    found = ours.forward([Span(0, 0, ids)], Cache(config, 1, len(ids)), last=False)
    assert abs(found - expected).max() < 1e-3
    with pytest.raises(UsageError, match="has no shape"):
        pretrain.run(replace(made, recipe=find("common")), spoken.screen)


def test_a_model_is_saved_as_precisely_as_the_one_it_began_from(bases: Path, data: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(bases / "llama", half)
    transformers.AutoModelForCausalLM.from_pretrained(half, dtype=torch.bfloat16).save_pretrained(half)
    done = order(half, data, tmp_path / "out", "epochs=1")
    trained(done)
    assert json.loads((done.folder / "config.json").read_text())["dtype"] == "bfloat16"
    weights = safetensors.torch.load_file(done.folder / "model.safetensors")
    assert {each.dtype for each in weights.values()} == {torch.bfloat16}


def test_a_token_that_the_model_does_not_know_is_refused(bases: Path, data: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    models.save(
        models.make(models.config_of(replace(SHAPES["llama"], vocabulary=40), 40), "1"),
        transformers.AutoTokenizer.from_pretrained(bases / "llama"), 4, small, World(),
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"its tokenizer has ids up to \d+, the model 40 entries"):
        sft.run(order(small, data, tmp_path / "out"), Spoken().screen)


def test_a_model_from_nothing_may_have_the_tokenizer_of_another(bases: Path, data: Path, tmp_path: Path) -> None:
    sizes = ["shape.hidden=32", "shape.intermediate=48", "shape.layers=1", "shape.vocabulary=400", "packs=8"]
    given = str(bases / "llama")
    made = Order(find("nano", sizes), (Source(data),), tmp_path / "out", tokenizer=given, device="cpu")
    pretrain.run(made, Spoken().screen)
    found, theirs = (transformers.AutoTokenizer.from_pretrained(each) for each in (made.folder, given))
    assert found.backend_tokenizer.to_str() == theirs.backend_tokenizer.to_str()
    small = find("nano", [*sizes, "shape.vocabulary=200"])
    with pytest.raises(UsageError, match=r"the tokenizer has \d+ entries, the shape's vocabulary 200"):
        pretrain.run(replace(made, recipe=small, folder=tmp_path / "other"), Spoken().screen)


def test_what_fails_before_a_step_leaves_nothing_in_the_way(bases: Path, data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bases / "llama", broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="no model can be loaded from"):
        sft.run(order(broken, data, tmp_path / "out"), Spoken().screen)
    trained(order(bases / "llama", data, tmp_path / "out"), steps=1)


def test_a_model_from_nothing_goes_on_into_fine_tuning(data: Path, tmp_path: Path) -> None:
    sizes = ["shape.hidden=32", "shape.intermediate=48", "shape.layers=1", "shape.vocabulary=300", "packs=8"]
    made = Order(find("nano", sizes), (Source(data),), tmp_path / "base", device="cpu")
    pretrain.run(made, Spoken().screen)
    trained(order(made.folder, data, tmp_path / "out", "epochs=1"))
    assert (tmp_path / "out" / "model.safetensors").exists()
