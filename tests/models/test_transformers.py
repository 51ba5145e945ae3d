"""Models of transformers, many answers at once: what they say is what transformers' own generation says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install 'ocinterp[train]'")
transformers: Any = pytest.importorskip(
    "transformers", reason="transformers is not installed: pip install 'ocinterp[train]'"
)

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from models.pocket.tiny import MERGES, model, tokenizer, tokenizer_json, write  # noqa: E402
from ocinterp.errors import ModelError, UsageError  # noqa: E402
from ocinterp.models.engine import Limits, Sampling, Strand, complete  # noqa: E402
from ocinterp.models.pocket import weights  # noqa: E402
from ocinterp.models.pocket.engine import PocketEngine  # noqa: E402
from ocinterp.models.pocket.llama import Config, Llama  # noqa: E402
from ocinterp.models.pocket.roles import RoleTokens, tokenizer_config  # noqa: E402
from ocinterp.models.transformers import Pieces, TransformersEngine, load  # noqa: E402
from ocinterp.types import Message  # noqa: E402

torch.set_num_threads(1)
NO_END: frozenset[int] = frozenset()
SHAPE: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("model"), small=False)


def made(kind: str) -> Any:
    """A random model of an architecture."""
    torch.manual_seed(0)
    configs: dict[str, Any] = {
        "llama": lambda: transformers.LlamaConfig(**SHAPE),
        "mistral": lambda: transformers.MistralConfig(**SHAPE, sliding_window=8),
        "starcoder2": lambda: transformers.Starcoder2Config(**SHAPE, sliding_window=None),
        "gemma3": lambda: transformers.Gemma3TextConfig(**SHAPE, head_dim=8, sliding_window=8),
        "qwen3": lambda: transformers.Qwen3Config(**SHAPE, head_dim=8),
        "gpt2": lambda: transformers.GPT2Config(vocab_size=320, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    }
    config = configs[kind]()
    config.eos_token_id = config.pad_token_id = config.bos_token_id = None
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def answered(
    engine: TransformersEngine, prompts: list[list[int]], sampling: Sampling, limits: Limits = Limits()
) -> Any:
    strands = [Strand([*each], sampling, NO_END, Random(number).random) for number, each in enumerate(prompts)]
    complete(engine, strands, limits)
    return strands


PROMPTS = [[5, 6, 7], [*range(30)], [9], [5, 6, 7], [*range(40, 60)], [3, 1, 4, 1, 5]]


@pytest.mark.parametrize("kind", ["llama", "mistral", "starcoder2", "gemma3", "qwen3", "gpt2"])
def test_greedy_answers_are_those_of_generate(kind: str) -> None:
    """Three at a time, so that some join while others go on; windows slide, and caches are moved."""
    causal = made(kind)
    found = answered(TransformersEngine(causal), PROMPTS, Sampling(max_tokens=20), Limits(strands=3))
    for prompt, each in zip(PROMPTS, found, strict=True):
        ids = torch.tensor([prompt])
        alone = causal.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False)
        assert each.said == alone[0, len(prompt) :].tolist()


def test_the_log_probabilities_are_the_models_own() -> None:
    causal = made("llama")
    for temperature in (0.0, 0.7):
        for each in answered(TransformersEngine(causal), PROMPTS, Sampling(temperature, max_tokens=10)):
            with torch.no_grad():
                logits = causal(input_ids=torch.tensor([each.ids])).logits[0, -len(each.said) - 1 : -1]
            logs = torch.log_softmax(logits / (temperature or 1), -1)
            expected = [float(logs[at, number]) for at, number in enumerate(each.said)]
            assert each.logprobs == pytest.approx(expected, abs=1e-4)


CAUSAL = made("llama")


@settings(max_examples=15)
@given(st.lists(st.lists(st.integers(0, 319), min_size=1, max_size=20), min_size=1, max_size=5), st.integers(1, 3))
def test_an_answer_does_not_depend_on_what_is_answered_beside_it(prompts: list[list[int]], at_once: int) -> None:
    for temperature in (0.0, 1.0):
        wanted = Sampling(temperature, max_tokens=8)
        engine = TransformersEngine(CAUSAL)
        for number, each in enumerate(answered(engine, prompts, wanted, Limits(at_once, positions=60))):
            alone = Strand([*prompts[number]], wanted, NO_END, Random(number).random)
            complete(TransformersEngine(CAUSAL), [alone])
            assert each.said == alone.said
            assert each.logprobs == pytest.approx(alone.logprobs, abs=1e-3)


def test_an_engine_is_used_again_and_again() -> None:
    engine = TransformersEngine(CAUSAL)
    first = [each.said for each in answered(engine, PROMPTS, Sampling(max_tokens=20))]
    for _ in range(20):
        assert [each.said for each in answered(engine, PROMPTS, Sampling(max_tokens=20), Limits(2))] == first


def test_the_pocket_engine_says_the_same(folder: Path) -> None:
    """The same weights in numpy and in torch, drawn by the same draws."""
    causal = load(str(folder)).model
    for temperature in (0.0, 1.0):
        wanted = Sampling(temperature, max_tokens=15)
        theirs = answered(TransformersEngine(causal), PROMPTS, wanted)
        ours = answered(PocketEngine(model()), PROMPTS, wanted)  # pyright: ignore[reportArgumentType]
        for one, other in zip(theirs, ours, strict=True):
            assert one.said == other.said
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


DIALOGUE = [
    Message("system", " Be brief. "),
    Message("user", "return in 12\n\n\tünï 🙂"),
    Message("assistant", "```python\nretu\n```"),
    Message("user", "\nno: -1"),
]


def test_a_folder_is_read_by_transformers_and_dialogues_have_the_same_ids(folder: Path) -> None:
    loaded = load(str(folder))
    ours = RoleTokens.of(tokenizer())
    assert loaded.speech.prompt(DIALOGUE) == ours.prompt(DIALOGUE)
    assert loaded.speech.ends == {ours.end}
    said = [{"role": each.role, "content": each.content} for each in DIALOGUE[:3]]
    found = loaded.speech.tokenizer.apply_chat_template(
        said, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    pieces = ours.pieces(DIALOGUE[:3])
    assert found["input_ids"] == [number for piece in pieces for number in piece.ids]
    assert found["assistant_masks"] == [
        int(said and role == "assistant")
        for piece, role in zip(pieces, ("system", "user", "assistant"), strict=True)
        for said in piece.said
    ]


def test_a_role_that_the_template_does_not_know_is_an_error(folder: Path) -> None:
    speech = load(str(folder)).speech
    with pytest.raises(ModelError, match="a role is system, user or assistant, not tool"):
        speech.prompt([Message("tool", "x")])  # pyright: ignore[reportArgumentType]


async def test_dialogues_are_answered_together(folder: Path) -> None:
    heard: list[str] = []
    async with load(str(folder)).batched(Sampling(max_tokens=10)) as batched:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(batched.generate(DIALOGUE, on_text=heard.append))
            second = group.create_task(batched.generate(DIALOGUE[:2]))
        alone = await batched.generate(DIALOGUE[:2])
    assert "".join(heard) == first.result().text
    assert second.result().text == alone.text
    assert first.result().usage is not None


@pytest.mark.parametrize(("free", "most"), [(10_000_000, 64), (20_000, 31)])
async def test_caches_take_a_part_of_the_free_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, free: int, most: int
) -> None:
    """2 layers, keys and values of 2 heads of 8 numbers of 4 bytes: 256 bytes a position."""
    monkeypatch.setattr("ocinterp.models.transformers._free_bytes", lambda _: free)
    async with load(str(folder)).batched() as batched:
        assert batched.most == most


@given(st.text(st.sampled_from("retuin  \n\t€é🙂日本"), max_size=30))
def test_text_comes_whole_and_no_character_is_told_in_halves(text: str) -> None:
    ours = tokenizer()
    pieces = Pieces(ours.decode)
    told = [pieces.add(number) for number in ours.encode(text)]
    assert "".join(told) + pieces.end() == text
    assert not any("\N{REPLACEMENT CHARACTER}" in each for each in told)


@pytest.mark.parametrize("tied", [False, True])
def test_weights_that_are_bytes_are_what_they_stand_for(tmp_path: Path, tied: bool) -> None:
    small = write(tmp_path)
    config = json.loads((small / "config.json").read_text()) | {"tie_word_embeddings": tied}
    (small / "config.json").write_text(json.dumps(config))
    tensors, _ = weights.loads((small / "model.safetensors").read_bytes())
    if tied:
        del tensors["lm_head.weight"]
    content: dict[str, Any] = dict(tensors)
    for name in [name for name, each in tensors.items() if each.ndim == 2]:
        content[name], content[f"{name}{weights.SCALE}"] = weights.quantized(tensors[name])
    (small / "model.safetensors").write_bytes(weights.dumps(content, {}))
    ours = PocketEngine(Llama(Config.loads(json.dumps(config)), tensors))
    wanted = Sampling(max_tokens=10)
    theirs = answered(TransformersEngine(load(str(small)).model), PROMPTS, wanted)
    assert [each.said for each in theirs] == [each.said for each in answered(ours, PROMPTS, wanted)]  # pyright: ignore[reportArgumentType]
    del content["model.norm.weight"]
    (small / "model.safetensors").write_bytes(weights.dumps(content, {}))
    with pytest.raises(UsageError, match=r"lack model\.norm\.weight$"):
        load(str(small))


def test_what_cannot_be_loaded_is_refused_in_one_line(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"^transformers cannot load .*nowhere") as caught:
        load(str(tmp_path / "nowhere"))
    assert "\n" not in str(caught.value)
    mute = write(tmp_path / "mute", small=False)
    config = tokenizer_config(64)
    del config["chat_template"]
    (mute / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="has no chat template"):
        load(str(mute))
    assert json.loads(tokenizer_json(MERGES))["model"]["type"] == "BPE"
