"""The processes of a run, and a model spread over them by FSDP2. One process, without `torchrun`, is the same with fewer words."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from ocinterp.errors import UsageError
from ocinterp.train.losses import Learner

T = TypeVar("T")

_PATIENCE = timedelta(hours=2)  # until the first process has read a large model, or written it


@dataclass(frozen=True, slots=True)
class World:
    """This process among those of the run. The first one writes files, and speaks."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        return self.rank == 0

    def part(self, packs: Sequence[T]) -> list[T]:
        """Those that are this process's to compute."""
        return list(packs[self.rank :: self.size])

    def most(self, packs: int) -> int:
        """How many of so many packs a process has at most: all have to take part in as many passes."""
        return -(-packs // self.size)

    def summed(self, *numbers: float) -> list[float]:
        """Each added up over all processes."""
        if self.size == 1:
            return list(numbers)
        found = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(found)
        return found.tolist()

    def wait(self) -> None:
        """For all the others to be here."""
        if self.size > 1:
            self.summed(0.0)


@contextmanager
def joined(device: str = "auto") -> Generator[World]:
    """The process as `torchrun` started it, or alone. UsageError for a device that is not there."""
    if device not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"there is no device {device!r}: choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("this machine has no GPU that torch can use: --device cpu trains on the processor")
    kind = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if not dist.is_torchelastic_launched():
        yield World(device=torch.device(kind))
        return
    place = torch.device(kind, dist.get_node_local_rank()) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(place)
    begun = dist.is_initialized()  # one run of several
    if not begun:
        dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield World(dist.get_rank(), dist.get_world_size(), place)
    finally:
        if not begun:
            dist.destroy_process_group()


def spread(model: Any, world: World) -> Learner:
    """The model on its device, or over all of them, as the first process has it: each layer is gathered while it is computed.

    On GPUs it computes in bfloat16, and adds gradients up in float32.
    """
    if world.size == 1:
        return Learner(model if getattr(model, "is_loaded_in_4bit", False) else model.to(world.device))
    weights = {name: weight.detach() for name, weight in model.named_parameters()} if world.first else {}
    buffers = {name: each.detach().clone() for name, each in model.named_buffers()} if world.first else {}
    policy = MixedPrecisionPolicy()
    if world.device.type == "cuda":
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    learner = Learner(model)
    mesh = init_device_mesh(world.device.type, (world.size,))
    for layer in _layers(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(learner, mesh=mesh, mp_policy=policy)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(like(_sent(weights.get(name), weight, world), weight))
        for name, buffer in model.named_buffers():
            buffer.copy_(_sent(buffers.get(name), buffer, world))
    return learner


def _layers(model: Any) -> torch.nn.ModuleList:
    """Whatever they are called: the longest list of modules in it."""
    return max((each for each in model.modules() if isinstance(each, torch.nn.ModuleList)), key=len)


def _sent(value: torch.Tensor | None, other: torch.Tensor, world: World) -> torch.Tensor:
    """What the first process has, on all of them; `other` is of the same size and type."""
    found = (
        torch.empty(other.shape, dtype=other.dtype, device=world.device) if value is None else value.to(world.device)
    )
    dist.broadcast(found, 0)
    return found


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that is spread, gathered; every process has to ask. Any other as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A whole tensor, spread as the other one is. Every process has the same whole, so nothing is sent."""
    tensor = tensor.to(device=other.device, dtype=other.dtype)
    if not isinstance(other, DTensor):
        return tensor
    return distribute_tensor(tensor, other.device_mesh, other.placements, src_data_rank=None)
