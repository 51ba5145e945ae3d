"""A model is trained on rows, goes on exactly where it was, and packs change nothing but the speed."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install torch transformers")
transformers: Any = pytest.importorskip(
    "transformers", reason="transformers is not installed: pip install transformers"
)

from models.pocket.tiny import tokenizer  # noqa: E402
from ocinterp.errors import DataError, UsageError  # noqa: E402
from ocinterp.synth.pocket.dialogues import dialogues  # noqa: E402
from ocinterp.train import attention, losses  # noqa: E402
from ocinterp.train.batches import Plan  # noqa: E402
from ocinterp.train.lessons import lesson  # noqa: E402
from ocinterp.train.loop import CHECKPOINT, METRICS, Trainer  # noqa: E402
from ocinterp.train.losses import Learner  # noqa: E402
from ocinterp.train.optimizers import Muon, Optimizer, Schedule, orthogonal  # noqa: E402
from ocinterp.train.rows import Counts, RoleTokens, Row, rows  # noqa: E402

torch.set_num_threads(1)
TOKENIZER = tokenizer()
ROLES = {role: TOKENIZER.special[f"<|{role}|>"] for role in ("system", "user", "assistant")}
FORM = RoleTokens(TOKENIZER.encode, ROLES, TOKENIZER.special["<|end|>"])


def some_rows(count: int = 40) -> list[Row]:
    return list(rows(map(lesson, islice(dialogues("training"), count)), FORM, 512, Counts()))


ROWS = some_rows()


def model(seed: int = 0, architecture: str = "llama", **changes: Any) -> Any:
    torch.manual_seed(seed)
    config = transformers.AutoConfig.for_model(
        architecture,
        vocab_size=320,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        **changes,
    )
    return transformers.AutoModelForCausalLM.from_config(config)


def plan(**changes: Any) -> Plan:
    return replace(Plan(ROWS, 512, 4, 2, "seed", TOKENIZER.special["<|pad|>"]), **changes)


def trainer(folder: Path, **changes: Any) -> Trainer:
    made = changes.pop("model", None) or model()
    name = changes.pop("optimizer", "muon")
    optimizer = Optimizer(made, name, 4e-3, schedule=Schedule("trapezoid", 0.1))
    return Trainer(Learner(made), optimizer, changes.pop("plan", plan()), folder, {"run": 1}, **changes)


@pytest.mark.parametrize("by_rows", [False, True])
def test_rows_of_a_pack_do_not_see_each_other(by_rows: bool) -> None:
    made = model().eval()
    if by_rows:
        attention.fit(made, torch.device("cpu"))
    batch = plan(capacity=2048).batch([[0, 1, 2]])
    with torch.no_grad():
        together = made(input_ids=batch.ids, position_ids=batch.places, use_cache=False).logits[0]
        start = 0
        for number in (0, 1, 2):
            ids = torch.tensor([ROWS[number].ids])
            alone = model().eval()(input_ids=ids).logits[0]
            assert (together[start : start + ids.shape[1]] - alone).abs().max() < 1e-5
            start += ids.shape[1]


def test_attention_by_rows_has_the_same_gradients() -> None:
    def gradients(by_rows: bool) -> Any:
        made = trainer(Path(), plan=plan(capacity=1024))
        if by_rows:
            attention.fit(made.learner.model, torch.device("cpu"))
            assert made.learner.model.config._attn_implementation == attention.ROWS
        made._gradients([[0, 1], [2], [3, 4], [5]])
        return torch.cat([weight.grad.flatten() for weight in made.learner.parameters()])

    assert (gradients(by_rows=True) - gradients(by_rows=False)).abs().max() < 1e-5


def test_attention_by_rows_refuses_what_is_no_pack() -> None:
    query, key = torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 5, 4)
    places = torch.arange(3)[None]
    for keys, mask, positions in ((query, torch.ones(1, 1, 3, 3), places), (query, None, None), (key, None, places)):
        with pytest.raises(ValueError, match="for packs alone"):
            attention.within_rows(None, query, keys, keys, mask, position_ids=positions)


def test_attention_with_a_window_or_on_a_gpu_is_left_as_it_is() -> None:
    for made, device in ((model(architecture="mistral", sliding_window=8), "cpu"), (model(), "cuda")):
        attention.fit(made, torch.device(device))
        assert made.config._attn_implementation == "sdpa"


def test_attention_that_is_not_told_the_places_of_tokens_is_left_as_it_is() -> None:
    def untold(module: Any, given: Any, named: dict[str, Any]) -> Any:
        return given, {name: value for name, value in named.items() if name != "position_ids"}

    made = model()
    for layer in made.model.layers:
        layer.self_attn.register_forward_pre_hook(untold, with_kwargs=True)
    attention.fit(made, torch.device("cpu"))
    assert made.config._attn_implementation == "sdpa"


def test_the_loss_is_that_of_each_row_weighted() -> None:
    made = model().eval()
    batch = plan(capacity=1024).batch([[0, 1], [2]])
    total, weight = losses.summed(made, batch)
    expected = sum(
        losses.summed(made, plan(capacity=len(ROWS[number].ids)).batch([[number]]))[0].item() for number in range(3)
    )
    assert total.item() == pytest.approx(expected, rel=1e-5)
    assert float(weight) == pytest.approx(sum(sum(ROWS[number].weights) for number in range(3)))


def test_how_many_packs_fit_into_memory_changes_no_gradient() -> None:
    def gradients(at_once: int) -> Any:
        made = trainer(Path(), packs_at_once=at_once, plan=plan(capacity=1024))
        made._gradients([[0, 1], [2], [3, 4], [5]])
        return torch.cat([weight.grad.flatten() for weight in made.learner.parameters()])

    assert (gradients(1) - gradients(4)).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_what_is_trained_on_is_learnt(tmp_path: Path, name: str) -> None:
    measured = list(trainer(tmp_path, optimizer=name, plan=plan(epochs=12)).run())
    assert measured[-1].loss < 0.6 * measured[0].loss
    assert measured[-1].tokens == plan(epochs=12).tokens
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(measured) + 1))


def test_two_runs_give_the_same_losses_to_the_last_digit(tmp_path: Path) -> None:
    first, second = ([each.loss for each in trainer(tmp_path / name).run()] for name in "ab")
    assert first == second


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_run_that_was_ended_goes_on_with_the_same_losses(tmp_path: Path, stop: int) -> None:
    whole = [each.loss for each in trainer(tmp_path / "whole").run()]
    begun = trainer(tmp_path / "cut", every=2)
    for _ in islice(begun.run(), stop):
        pass
    with (tmp_path / "cut" / METRICS).open("a") as file:
        file.write('{"step": 9')  # as a kill leaves it
    other = trainer(tmp_path / "cut", every=2, model=model(seed=5 if stop > 1 else 0))
    rest = [(each.step, each.loss) for each in other.run()]
    kept = stop - stop % 2
    assert rest == list(enumerate(whole, 1))[kept:]
    lines = [json.loads(line) for line in (tmp_path / "cut" / METRICS).read_text().splitlines()]
    assert [line["loss"] for line in lines] == whole


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    list(islice(trainer(tmp_path, every=1).run(), 1))
    assert (tmp_path / CHECKPOINT).exists()
    other = trainer(tmp_path)
    other.identity = {"run": 2, "data": "abc"}
    with pytest.raises(DataError, match="is of another run: run was 1, is 2; data was None, is 'abc'"):
        list(other.run())


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    made = model()
    wild = Optimizer(made, "adamw", 1e30, schedule=Schedule("cosine", 0.0))
    with pytest.raises(UsageError, match=r"the loss is (nan|inf) at step \d: choose a lower rate"):
        list(Trainer(Learner(made), wild, plan(), tmp_path, {}).run())


def test_mfu_counts_six_flops_for_a_weight_and_token_and_four_for_one_that_stays(tmp_path: Path) -> None:
    seconds = iter(range(100))
    made = trainer(tmp_path, peak_flops=1e9, clock=lambda: float(next(seconds)))
    size = sum(weight.numel() for weight in made.learner.parameters())
    first = next(made.run())
    assert first.mfu == pytest.approx(6 * size * first.tokens / first.seconds / 1e9)
    made.learner.model.model.embed_tokens.weight.requires_grad_(False)
    still = size - made.learner.model.model.embed_tokens.weight.numel()
    assert made._mfu(100, 1.0) == pytest.approx((4 * size + 2 * still) * 100 / 1e9)


def test_the_rate_rises_falls_and_ends() -> None:
    for form in ("cosine", "trapezoid"):
        schedule = Schedule(form, 0.05, 0.1)
        assert schedule.share(0) == 0
        assert schedule.share(0.05) == pytest.approx(1)
        assert schedule.share(1) == pytest.approx(0.1)
        shares = [schedule.share(0.05 + 0.95 * part / 50) for part in range(51)]
        assert shares == sorted(shares, reverse=True)
    assert Schedule("trapezoid").share(0.5) == 1


def test_muon_steps_by_matrices_that_are_nearly_orthogonal() -> None:
    torch.manual_seed(1)
    for shape in ((16, 48), (48, 16)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.3
    weight = torch.nn.Parameter(torch.zeros(48, 16))
    weight.grad = torch.randn(48, 16)
    Muon([weight], 0.5).step()
    change = torch.linalg.svdvals(weight.detach()) / (0.5 * 3**0.5)
    assert change.min() > 0.5
    assert change.max() < 1.3
