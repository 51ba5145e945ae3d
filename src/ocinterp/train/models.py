"""Models as transformers has them: made from a shape, loaded, given adapters, and saved as safetensors."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import torch

from ocinterp.errors import DataError, UsageError
from ocinterp.train.parallel import World, whole
from ocinterp.train.recipe import Adapters, Recipe
from ocinterp.train.shapes import Shape
from ocinterp.train.tokenizers import first_line

ADAPTER = "adapter"  # the folder of adapters, within the one of the model


def prepare(threads: int) -> None:
    """So many threads of the processor for torch; and transformers says nothing, which we say ourselves."""
    from transformers.utils import logging

    torch.set_num_threads(threads)
    logging.disable_progress_bar()
    logging.set_verbosity_error()


def config(name: str) -> Any:
    """The configuration of a folder's or the hub's model. UsageError where there is none."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"no model can be loaded from {name}: {first_line(error)}") from error


def config_of(shape: Shape, entries: int) -> Any:
    """The configuration of a new model for a tokenizer of so many entries, which may be fewer than the shape has room for."""
    from transformers import AutoConfig

    if entries > shape.vocabulary:
        raise UsageError(f"the tokenizer has {entries:,} entries, the shape's vocabulary {shape.vocabulary:,}")
    head = {"head_dim": shape.width} if shape.architecture != "starcoder2" else {}
    return AutoConfig.for_model(
        shape.architecture,
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.groups,
        vocab_size=shape.vocabulary,
        max_position_embeddings=shape.positions,
        tie_word_embeddings=shape.tied,
        **head,
    )


def make(config: Any, seed: str) -> Any:
    """A new model, its weights drawn by chance, always the same for a seed."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(int.from_bytes(seed.encode()[:8], "big"))
    return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").float()


def count(config: Any) -> int:
    """How many numbers a model has, without making it."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return sum(weight.numel() for weight in AutoModelForCausalLM.from_config(config).parameters())


def load(recipe: Recipe, config: Any, world: World) -> Any:
    """The model to begin with, on the processor; of several processes only the first reads it, for all of them."""
    from transformers import AutoModelForCausalLM

    lora = recipe.lora
    dtype = torch.bfloat16 if lora and world.device.type == "cuda" else torch.float32
    if lora and lora.bits == 4:
        return _in_four_bits(recipe.base, world)
    if not world.first:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").to(dtype)
        model.to_empty(device="cpu")
        model.tie_weights()
        return model
    try:
        model = AutoModelForCausalLM.from_pretrained(recipe.base, dtype=dtype, attn_implementation="sdpa")
    except (OSError, ValueError) as error:
        raise UsageError(f"no model can be loaded from {recipe.base}: {first_line(error)}") from error
    model.config.dtype = config.dtype  # as it was saved, and will be
    return model


@torch.no_grad()
def check_logits(model: Any) -> None:
    """UsageError where a model does more to its last states than multiply them: the loss would be that of another model."""
    ids = torch.arange(8, device=model.device)[None] % model.config.vocab_size
    states = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    ours = model.get_output_embeddings()(states).float()
    theirs = model(input_ids=ids, use_cache=False).logits.float()
    if not torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3):
        raise UsageError(
            f"a {type(model).__name__} changes its logits after its last matrix: it cannot be trained here"
        )


# On processors with AVX-512 bitsandbytes rewrites weights that are read once without gradients into a form that has none any
# more, without a word (bitsandbytes 0.50); this says that it need not.
_REPACKS: Final = "support_avx512bf16_for_cpu"


def check_four_bits(world: World) -> None:
    """UsageError where weights in 4 bits cannot be used."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UsageError("weights in 4 bits need bitsandbytes: pip install 'ocinterp[qlora]', or take +lora")
    if world.size > 1:
        raise UsageError("weights in 4 bits are trained over by one process: without torchrun, or +lora")


def _in_four_bits(name: str, world: World) -> Any:
    from peft import prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    computed = torch.bfloat16 if world.device.type == "cuda" else torch.float32
    four = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=computed,
    )
    model = AutoModelForCausalLM.from_pretrained(
        name, quantization_config=four, dtype=computed, attn_implementation="sdpa", device_map={"": world.device}
    )
    for module in model.modules():
        if hasattr(module, _REPACKS):
            setattr(module, _REPACKS, False)
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def add_adapters(model: Any, lora: Adapters, seed: str) -> Any:
    """Adapters on every matrix of every layer, in place; what says how they are is returned, to be saved with them."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(int.from_bytes(seed.encode()[:8], "big"))
    given = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings(category=FutureWarning, action="ignore"):  # peft 0.21 asks by a name that goes away
        return get_peft_model(model, given).peft_config["default"]


def save(model: Any, tokenizer: Any, end: int, folder: Path, world: World, adapters: Any = None) -> None:
    """The model as any program reads it; every process has to call this. With adapters both these, and the sum of all.

    Weights in 4 bits stay where they are: of those, only the adapters are saved. `end` is the id that ends an answer.
    """
    weights = {name: whole(weight.detach()).cpu() for name, weight in _saved(model)}
    if not world.first:
        return
    from safetensors import SafetensorError

    try:
        if adapters is not None:
            _save_adapters(weights, adapters, folder / ADAPTER)
            in_full = not getattr(model, "is_loaded_in_4bit", False)
            weights = _merged(weights, adapters.lora_alpha / adapters.r) if in_full else {}
        tokenizer.save_pretrained(folder)
        if weights:
            _save_weights(model, weights, end, folder)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"the model cannot be written to {folder}: {first_line(error)}: free some space, and the same command does it"
        ) from error


def save_adapters(model: Any, adapters: Any, folder: Path) -> None:
    """The adapters alone, as peft reads them."""
    weights = {name: weight.detach().cpu() for name, weight in model.named_parameters() if ".lora_" in name}
    folder.parent.mkdir(parents=True, exist_ok=True)
    _save_adapters(weights, adapters, folder)


def _save_weights(model: Any, weights: dict[str, torch.Tensor], end: int, folder: Path) -> None:
    from huggingface_hub import save_torch_state_dict
    from transformers import GenerationConfig

    dtype = model.config.dtype or torch.float32
    save_torch_state_dict({name: each.to(dtype).contiguous() for name, each in weights.items()}, folder)
    for each in folder.glob("*.safetensors"):
        each.chmod(0o644)  # it comes for its owner alone
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    generation = GenerationConfig.from_model_config(model.config)
    ends = model.generation_config.eos_token_id
    known = ends if isinstance(ends, list) else [ends]
    generation.eos_token_id = list(dict.fromkeys(each for each in (end, *known) if each is not None))
    generation.save_pretrained(folder)


def _saved(model: Any) -> Iterable[tuple[str, torch.Tensor]]:
    """The weights, each once; of a model in 4 bits only what is trained."""
    quantized = getattr(model, "is_loaded_in_4bit", False)
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad or not quantized)


def _save_adapters(weights: dict[str, torch.Tensor], adapters: Any, folder: Path) -> None:
    """As peft reads them."""
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    names = {name: f"base_model.model.{name.replace('.default.', '.')}" for name in weights if ".lora_" in name}
    save_file({new: weights[old].contiguous() for old, new in names.items()}, folder / "adapter_model.safetensors")
    adapters.save_pretrained(folder)


def _merged(weights: dict[str, torch.Tensor], scale: float) -> dict[str, torch.Tensor]:
    """The weights with their adapters added: W + scale * B A (Hu et al. 2021, section 4.1)."""
    found: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        if ".lora_" in name:
            continue
        module = name.removesuffix(".base_layer.weight")
        if module != name:
            up, down = (weights[f"{module}.lora_{each}.default.weight"].float() for each in "BA")
            weight = (weight.float() + scale * (up @ down)).to(weight.dtype)
        found[name.replace(".base_layer.", ".")] = weight
    return found
