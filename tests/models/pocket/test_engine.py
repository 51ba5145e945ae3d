"""The engine gives the numbers that a Llama gives, however a text is cut and whatever stands beside it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pocket.tiny import CONFIG, model, tensors
from ocinterp.errors import DataError
from ocinterp.models.engine import Limits, Sampling, Strand, complete
from ocinterp.models.pocket import weights
from ocinterp.models.pocket.engine import PocketEngine
from ocinterp.models.pocket.llama import Cache, Config, Llama, Span

MODEL = model()
ids = st.lists(st.integers(0, 319), min_size=1, max_size=20)
NO_END: frozenset[int] = frozenset()


def logits(prompt: list[int]) -> Any:
    return MODEL.forward([Span(0, 0, prompt)], Cache(MODEL.config, 1, len(prompt)), last=False)


def answered(
    prompts: list[list[int]], sampling: Sampling, ends: frozenset[int] = NO_END, limits: Limits = Limits()
) -> list[Strand]:
    strands = [Strand([*each], sampling, ends, Random(number).random) for number, each in enumerate(prompts)]
    complete(PocketEngine(MODEL), strands, limits)
    return strands


def test_logits_are_those_of_transformers() -> None:
    """Computed by transformers' LlamaForCausalLM from the same weights (version 5.24, torch 2.13, float32)."""
    found = logits([3, 1, 4, 1, 5, 9, 2, 6])
    assert found[-1, :8] == pytest.approx([-0.4942, 1.281, 0.8929, 0.2351, 0.9296, 2.6612, 1.3848, -0.349], abs=1e-3)
    assert found[0, :4] == pytest.approx([3.1994, 2.0512, 4.0229, 1.4474], abs=1e-3)


@given(ids, st.data())
def test_a_text_read_in_parts_gives_the_same(prompt: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(prompt)))
    cache = Cache(MODEL.config, 1, len(prompt))
    spans = [each for each in (Span(0, 0, prompt[:cut]), Span(0, cut, prompt[cut:])) if each.ids]
    parts = [MODEL.forward([each], cache, last=False) for each in spans]
    assert np.concatenate(parts) == pytest.approx(logits(prompt), abs=1e-4)


@given(st.lists(ids, min_size=1, max_size=4), ids, ids)
def test_what_is_read_together_gives_the_same(others: list[list[int]], start: list[int], rest: list[int]) -> None:
    """The last two share their start, which one of them reads for both."""
    cache = Cache(MODEL.config, len(others) + 2, 40)
    slot = len(others)
    spans = [Span(number, 0, each) for number, each in enumerate(others)]
    spans += [Span(slot, 0, [*start, 5]), Span(slot + 1, len(start), rest, source=slot)]
    found = MODEL.forward(spans, cache)
    for row, prompt in enumerate([*others, [*start, 5], [*start, *rest]]):
        assert found[row] == pytest.approx(logits(prompt)[-1], abs=1e-4)


@settings(max_examples=30)
@given(st.lists(ids, min_size=2, max_size=6), st.integers(1, 4))
def test_an_answer_does_not_depend_on_what_is_answered_beside_it(prompts: list[list[int]], at_once: int) -> None:
    prompts = [*prompts, [*range(10, 22), 3], [*range(10, 22), 4, 5]]  # two that begin alike
    for temperature in (0.0, 1.0):
        wanted = Sampling(temperature, max_tokens=12)
        together = answered(prompts, wanted, frozenset({7}), Limits(at_once))
        for number, (prompt, found) in enumerate(zip(prompts, together, strict=True)):
            alone = Strand([*prompt], wanted, frozenset({7}), Random(number).random)
            complete(PocketEngine(MODEL), [alone])
            assert (found.said, found.finish) == (alone.said, alone.finish)
            assert found.logprobs == pytest.approx(alone.logprobs, abs=1e-3)


def test_a_greedy_answer_takes_the_likeliest_token_each_time() -> None:
    prompt = [5, 6, 7]
    (found,) = answered([prompt], Sampling(max_tokens=6))
    for number in found.said:
        assert number == int(logits(prompt)[-1].argmax())
        prompt = [*prompt, number]


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_draws_follow_their_probabilities_and_can_be_repeated(temperature: float) -> None:
    wanted = Sampling(temperature, max_tokens=1)
    drawn = [each.said[0] for each in answered([[5, 6, 7]] * 4000, wanted)]
    found = answered([[5, 6, 7]] * 4000, wanted)
    assert [each.said[0] for each in found] == drawn
    last = logits([5, 6, 7])[-1].astype(float) / temperature
    shares = np.exp(last - last.max()) / np.exp(last - last.max()).sum()
    counted = np.bincount(drawn, minlength=320) / 4000
    assert np.abs(counted - shares).max() < 4 * np.sqrt(0.25 / 4000)
    for each in found[:20]:
        assert each.logprobs == pytest.approx([np.log(shares[each.said[0]])], abs=1e-3)


def test_an_answer_ends_with_its_end_token_or_is_cut_off() -> None:
    (free,) = answered([[5, 6, 7]], Sampling(max_tokens=5))
    assert (len(free.said), free.finish) == (5, "length")
    (ended,) = answered([[5, 6, 7]], Sampling(max_tokens=5), frozenset({free.said[2]}))
    assert (ended.said, ended.finish) == (free.said[: free.said.index(free.said[2]) + 1], "stop")


def test_answers_end_where_positions_do() -> None:
    (found,) = answered([[1] * 60], Sampling(max_tokens=100))
    assert (len(found.ids), found.finish) == (64, "length")


def test_more_is_asked_than_can_be_read_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [[number, *range(20)] for number in range(30)]
    whole = [each.said for each in answered(prompts, Sampling(max_tokens=4))]
    monkeypatch.setattr("ocinterp.models.pocket.engine._AT_ONCE", 50)
    assert [each.said for each in answered(prompts, Sampling(max_tokens=4))] == whole


def test_who_goes_while_others_wait_to_be_read_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one takes the place of the one who goes, before it has been read; then it has more than one step takes."""
    monkeypatch.setattr("ocinterp.models.pocket.engine._AT_ONCE", 10)
    engine = PocketEngine(MODEL)
    strands = [Strand([number, *range(20 * (number == 2))], Sampling(max_tokens=30)) for number in range(3)]
    engine.join(strands[0])
    engine.join(strands[1])
    for _ in range(25):
        for token in engine.step():
            token.strand.add(token.number, token.logprob, 64)
    engine.join(strands[2])
    engine.leave(strands[0])
    while len(strands[1].said) < 30:
        for token in engine.step():
            token.strand.add(token.number, token.logprob, 64)
    for number in (1, 2):
        alone = Strand(strands[number].ids[: -len(strands[number].said)], Sampling(max_tokens=30))
        complete(PocketEngine(MODEL), [alone])
        assert strands[number].said == alone.said[: len(strands[number].said)]


def test_one_who_is_put_back_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six answers of 40 positions where there is room for three: those who came last wait, and go on later."""
    monkeypatch.setattr("ocinterp.models.engine._MARGIN", 2)
    prompts = [[number, 2, 3, 4, 5] for number in range(6)]
    for temperature in (0.0, 1.0):
        wanted = Sampling(temperature, max_tokens=35)
        whole = answered(prompts, wanted)
        tight = answered(prompts, wanted, limits=Limits(positions=120))
        assert [each.said for each in tight] == [each.said for each in whole]
        for found, alone in zip(tight, whole, strict=True):
            assert found.logprobs == pytest.approx(alone.logprobs, abs=1e-3)


def test_weights_come_back_as_they_were_written() -> None:
    made = tensors()
    found, metadata = weights.loads(weights.dumps(made, {"made": "by a test"}))
    assert metadata == {"made": "by a test"}
    assert set(found) == set(made)
    assert all((found[name] == made[name]).all() for name in made)


def test_bytes_with_a_scale_a_row_are_nearly_the_numbers_they_stand_for() -> None:
    matrix = tensors()["lm_head.weight"]
    small, scale = weights.quantized(matrix)
    packed = weights.dumps({"a": small, "a.scale": scale}, {})
    found, _ = weights.loads(packed)
    assert list(found) == ["a"]
    assert np.abs(found["a"] - matrix).max() <= (np.abs(matrix).max(axis=1) / 127 / 2 + 1e-6).max()
    assert len(packed) < matrix.nbytes / 3


def test_half_precision_is_read() -> None:
    matrix = tensors()["lm_head.weight"]
    halves, _ = weights.loads(weights.dumps({"a": matrix.astype(np.float16)}, {}))
    assert halves["a"] == pytest.approx(matrix, abs=1e-2)
    upper = (matrix.view(np.uint32) >> 16).astype(np.uint16).view(np.float16)
    brain, _ = weights.loads(_renamed(weights.dumps({"a": upper}, {})))
    assert brain["a"] == pytest.approx(matrix, abs=2e-2)


def _renamed(content: bytes) -> bytes:
    """The same file with its half-precision numbers called BF16."""
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].replace(b'"F16"', b'"BF16"')
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no safetensors file"),
        (b"\xff" * 8, "cut off"),
        (b"\x10" + bytes(7) + b"{}", "cut off"),
        (b"\x02" + bytes(7) + b"[]", "no safetensors file"),
        (weights.dumps(tensors(), {})[:-9], "no safetensors file"),
        (
            weights.dumps(tensors(), {}).replace(b'"F32"', b'"F64"', 1),
            "is of type F64; expected one of F32, F16, BF16, I8",
        ),
    ],
    ids=["empty", "length", "short", "header", "body", "type"],
)
def test_damaged_weights_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        weights.loads(content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "gpt2"}, "a model of type 'gpt2'"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "with such positions"),
        ({"vocab_size": None}, "lm_head.weight|embed_tokens"),
    ],
)
def test_what_is_no_such_model_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Llama(Config.loads(json.dumps({**CONFIG, **change})), tensors())


def test_a_missing_tensor_is_named() -> None:
    made = tensors()
    del made["model.layers.1.mlp.up_proj.weight"]
    with pytest.raises(DataError, match=r"model\.layers\.1\.mlp\.up_proj\.weight is missing"):
        Llama(Config.loads(json.dumps(CONFIG)), made)
    for text in ("", "[]", "{}"):
        with pytest.raises(DataError, match="no configuration of a Llama"):
            Config.loads(text)
