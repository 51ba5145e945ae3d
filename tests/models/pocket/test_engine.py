"""The engine gives the numbers that a Llama gives, however a text is cut and whatever stands beside it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pocket.tiny import CONFIG, model, tensors
from ocinterp.errors import DataError
from ocinterp.models.pocket import weights
from ocinterp.models.pocket.llama import Cache, Config, Llama
from ocinterp.models.pocket.sampling import Sampling, sample

MODEL = model()
ids = st.lists(st.integers(0, 319), min_size=1, max_size=20)


def logits(prompt: list[int]) -> Any:
    return MODEL.forward([prompt], Cache(MODEL.config, 1, len(prompt)), [0])[0]


def test_logits_are_those_of_transformers() -> None:
    """Computed by transformers' LlamaForCausalLM from the same weights (version 5.24, torch 2.13, float32)."""
    found = logits([3, 1, 4, 1, 5, 9, 2, 6])
    assert found[-1, :8] == pytest.approx([-0.4942, 1.281, 0.8929, 0.2351, 0.9296, 2.6612, 1.3848, -0.349], abs=1e-3)
    assert found[0, :4] == pytest.approx([3.1994, 2.0512, 4.0229, 1.4474], abs=1e-3)


@given(ids, st.data())
def test_a_text_read_in_parts_gives_the_same(prompt: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(prompt)))
    cache = Cache(MODEL.config, 1, len(prompt))
    parts = [MODEL.forward([part], cache, [0])[0] for part in (prompt[:cut], prompt[cut:]) if part]
    assert np.concatenate(parts) == pytest.approx(logits(prompt), abs=1e-4)


@settings(max_examples=30)
@given(st.lists(ids, min_size=2, max_size=5))
def test_an_answer_does_not_depend_on_what_is_answered_beside_it(prompts: list[list[int]]) -> None:
    wanted = Sampling(max_tokens=12)
    together = sample(MODEL, prompts, frozenset({7}), wanted)
    for prompt, found in zip(prompts, together, strict=True):
        (alone,) = sample(MODEL, [prompt], frozenset({7}), wanted)
        room = CONFIG["max_position_embeddings"] - max(map(len, prompts))
        assert found.ids == alone.ids[:room]
        assert found.logprobs == pytest.approx(alone.logprobs[:room], abs=1e-3)


def test_a_greedy_answer_takes_the_likeliest_token_each_time() -> None:
    prompt = [5, 6, 7]
    (found,) = sample(MODEL, [prompt], frozenset(), Sampling(max_tokens=6))
    for number in found.ids:
        assert number == int(logits(prompt)[-1].argmax())
        prompt = [*prompt, number]


def test_draws_follow_their_probabilities_and_can_be_repeated() -> None:
    wanted = Sampling(temperature=1.0, max_tokens=1, seed=3)
    drawn = [each.ids[0] for each in sample(MODEL, [[5, 6, 7]] * 4000, frozenset(), wanted)]
    assert [each.ids[0] for each in sample(MODEL, [[5, 6, 7]] * 4000, frozenset(), wanted)] == drawn
    last = logits([5, 6, 7])[-1].astype(float)
    shares = np.exp(last - last.max()) / np.exp(last - last.max()).sum()
    counted = np.bincount(drawn, minlength=320) / 4000
    assert np.abs(counted - shares).max() < 4 * np.sqrt(0.25 / 4000)


def test_an_answer_ends_at_its_end_token_or_is_cut_off() -> None:
    (free,) = sample(MODEL, [[5, 6, 7]], frozenset(), Sampling(max_tokens=5))
    assert (len(free.ids), free.ended) == (5, False)
    (ended,) = sample(MODEL, [[5, 6, 7]], frozenset({free.ids[2]}), Sampling(max_tokens=5))
    assert (ended.ids, ended.ended) == (free.ids[: free.ids.index(free.ids[2])], True)


def test_answers_end_where_positions_do() -> None:
    (found,) = sample(MODEL, [[1] * 60], frozenset(), Sampling(max_tokens=100))
    assert (len(found.ids), found.ended) == (4, False)


def test_each_token_is_told_as_it_comes() -> None:
    heard: list[tuple[int, int]] = []
    found = sample(
        MODEL,
        [[1, 2], [3]],
        frozenset(),
        Sampling(max_tokens=4),
        on_token=lambda at, number: heard.append((at, number)),
    )
    assert [number for at, number in heard if at == 0] == found[0].ids
    assert [number for at, number in heard if at == 1] == found[1].ids


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
