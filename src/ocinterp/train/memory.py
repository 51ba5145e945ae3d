"""How much memory training takes on each GPU, and how many GPUs that makes: a formula, so that it can be checked.

Full training in mixed precision keeps 16 bytes for each number: the weight and its gradient in 32 bits, and two moments of
AdamW (Rajbhandari et al. 2020, section 3.1, with 32-bit weights in place of two copies). FSDP divides them by the number of
GPUs. What is gathered, computed and kept for the gradient comes on top. Nothing here was measured on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ocinterp.train.recipe import Recipe
from ocinterp.train.shapes import Shape

GIB: Final = 1 << 30

_STATE: Final = 16  # bytes a trained number: weight, gradient and two moments, 4 each
_HALF: Final = 2  # bytes in bfloat16
_WHOLE: Final = 4  # in float32, which peft makes of what is not in 4 bits
_FOUR_BITS: Final = (
    0.516  # 4 bits and the constants of each block, themselves quantized (Dettmers et al. 2023, section 3)
)
_LOGITS: Final = 10  # bytes a token and entry of the vocabulary: in 16 bits, in 32, and the gradient in 32
_BESIDES: Final = 1.5 * GIB  # the driver's context, and workspaces
_SPARE: Final = 1.08  # what the allocator wastes
_MOST_GPUS: Final = 1024


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes on each of `gpus`."""

    gpus: int
    states: float  # weights, gradients and moments
    gathered: float  # weights of other GPUs, while they are used
    activations: float

    @property
    def total(self) -> float:
        return (self.states + self.gathered + self.activations) * _SPARE + _BESIDES


def estimate(recipe: Recipe, shape: Shape, gpus: int) -> Estimate:
    """Of a recipe on so many GPUs."""
    tokens = recipe.packs_at_once * recipe.context
    return Estimate(
        gpus, _states(recipe, shape) / gpus, _gathered(recipe, shape, gpus), _activations(recipe, shape, tokens)
    )


def fitting(recipe: Recipe, shape: Shape, gpu_bytes: float) -> Estimate | None:
    """With the fewest GPUs, a power of two, that it fits; None where it does not fit with any number."""
    gpus = 1
    while gpus <= (1 if recipe.lora and recipe.lora.bits == 4 else _MOST_GPUS):
        found = estimate(recipe, shape, gpus)
        if found.total <= gpu_bytes:
            return found
        gpus *= 2
    return None


def checkpoint_bytes(recipe: Recipe, parameters: int, trained: int) -> int:
    """What a run writes at most: two checkpoints, the old one while the new is written, and the model in 32 bits at the end."""
    moments = 4 if recipe.optimizer == "muon" else 8
    return 2 * (4 + moments) * trained + 4 * parameters


def trained(recipe: Recipe, shape: Shape) -> int:
    """How many numbers change."""
    return shape.adapters(recipe.lora.rank) if recipe.lora else shape.parameters


def _states(recipe: Recipe, shape: Shape) -> float:
    if not recipe.lora:
        return _STATE * shape.parameters
    adapters = _STATE * shape.adapters(recipe.lora.rank)
    if recipe.lora.bits == 16:
        return _HALF * shape.parameters + adapters
    return _FOUR_BITS * (shape.parameters - shape.embeddings) + _WHOLE * shape.embeddings + adapters


def _gathered(recipe: Recipe, shape: Shape, gpus: int) -> float:
    """On one GPU, the copies in 16 bits that autocast keeps; on several the tables, and two layers with a gradient."""
    if gpus == 1:
        return 0 if recipe.lora else _HALF * shape.parameters
    gradient = 0 if recipe.lora else 4 * shape.layer
    return _HALF * (shape.embeddings + 2 * shape.layer) + gradient


def _activations(recipe: Recipe, shape: Shape, tokens: int) -> float:
    """What is kept of `tokens`: with checkpointing the input of each layer and one layer in full, else all layers in full.

    In full are the inputs of all matrices and norms, and what attention and the activation function take and give.
    """
    queries, keys = shape.heads * shape.width, shape.groups * shape.width
    wide = (2 if shape.architecture == "starcoder2" else 4) * shape.intermediate
    layer = _HALF * (6 * shape.hidden + 3 * queries + 4 * keys + wide)
    kept = shape.layers * _HALF * shape.hidden + layer if recipe.checkpointing else shape.layers * layer
    return tokens * (kept + _LOGITS * shape.vocabulary)
