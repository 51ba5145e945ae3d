"""Models in this process: 164 tasks one after the other, as a loop asks them, and all at once.

    python benchmarks/bench_batched.py [--quick] [--tasks N] [--rounds N] [--model FOLDER]

The shape is that of the pocket model `nano` (2.4 million parameters), its weights random, so that an answer's length is set
and not said: prompts and answers are as long as those of the first tasks of the benchmark `pocket` (3.1 characters a token),
without an end. With --model the weights are a real model's and answers end by themselves. Beside it, where transformers is
installed, the same weights in torch: its `generate`, one task after the other and in padded batches, and our engine for
it. One thread each; tokens are those of answers, CPU is that of this process, prompts included. The ways take turns, and the
best round of each stands in the table.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")  # before torch is loaded

import numpy as np
from _measure import machine

from ocinterp.models.batched import Batched
from ocinterp.models.engine import Engine, Limits, Sampling
from ocinterp.models.pocket import blas, card, weights
from ocinterp.models.pocket.engine import PocketEngine
from ocinterp.models.pocket.llama import Config, Llama
from ocinterp.tasks import store
from ocinterp.types import Message

SHAPE: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 1024,
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 1024,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}
CHARACTERS = 3.1  # a token, in pocket's texts
FENCE = 14  # characters around a program
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Job:
    """A prompt's ids, and how many tokens its answer has."""

    ids: list[int]
    length: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a way to answer all of them took."""

    tokens: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def rate(self) -> float:
        return self.tokens / self.cpu_seconds


class Ids:
    """A form in which a dialogue is its ids, in JSON, and an answer has no text."""

    def __init__(self, ends: frozenset[int]) -> None:
        self.ends = ends

    def prompt(self, messages: Sequence[Message], /) -> list[int]:
        return json.loads(messages[-1].content)

    def stream(self) -> Ids:
        return self

    def add(self, _: int, /) -> str:
        return ""

    def end(self) -> str:
        return ""


def write(folder: Path) -> None:
    """A folder with random weights of the shape."""
    hidden, wide = SHAPE["hidden_size"], SHAPE["intermediate_size"]
    shapes = {"model.embed_tokens.weight": (SHAPE["vocab_size"], hidden), "model.norm.weight": (hidden,)}
    for at in (f"model.layers.{number}" for number in range(SHAPE["num_hidden_layers"])):
        shapes |= {f"{at}.{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}
        shapes |= {f"{at}.self_attn.{name}_proj.weight": (hidden, hidden) for name in "qkvo"}
        shapes |= {f"{at}.mlp.{name}_proj.weight": (wide, hidden) for name in ("gate", "up")}
        shapes[f"{at}.mlp.down_proj.weight"] = (hidden, wide)
    chance = np.random.default_rng(0)
    made = {
        name: (chance.standard_normal(shape) * 0.05 + (len(shape) == 1)).astype(np.float32)
        for name, shape in shapes.items()
    }
    (folder / card.CONFIG).write_text(json.dumps(SHAPE))
    (folder / card.WEIGHTS).write_bytes(weights.dumps(made, {"format": "pt"}))


def jobs_of(count: int) -> list[Job]:
    """As long as pocket's tasks and their references."""
    chance = np.random.default_rng(1)
    problems = list(store.load("pocket", Path()).problems.values())[:count]
    return [
        Job(
            chance.integers(0, SHAPE["vocab_size"], round(len(each.task.prompt[0].content) / CHARACTERS) + 3).tolist(),
            round((len(each.reference) + FENCE) / CHARACTERS),
        )
        for each in problems
    ]


def measured(way: Callable[[], int]) -> Taken:
    cpu, wall = time.process_time(), time.perf_counter()
    tokens = way()
    return Taken(tokens, time.process_time() - cpu, time.perf_counter() - wall)


def asked(engine: Engine, jobs: Sequence[Job], ends: frozenset[int], at_once: int) -> int:
    """All jobs through `Batched`, so many at once; how many tokens were said."""

    async def ask() -> int:
        async with Batched(engine, Ids(ends), limits=Limits(at_once)) as batched:
            room = asyncio.Semaphore(at_once)

            async def one(job: Job) -> int:
                async with room:
                    voice = batched.voice(Sampling(max_tokens=job.length))
                    found = await voice.generate([Message("user", json.dumps(job.ids))])
                return found.usage.completion_tokens if found.usage else 0

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(each)) for each in jobs]
        return sum(each.result() for each in tasks)

    return asyncio.run(ask())


def generated(model: Any, jobs: Sequence[Job], ends: frozenset[int], at_once: int) -> int:
    """All jobs through transformers' `generate`, in batches padded on the left; tokens that belong to an answer."""
    torch: Any = importlib.import_module("torch")
    tokens = 0
    for start in range(0, len(jobs), at_once):
        batch = jobs[start : start + at_once]
        longest = max(len(each.ids) for each in batch)
        ids = torch.tensor([[0] * (longest - len(each.ids)) + each.ids for each in batch])
        mask = torch.tensor([[0] * (longest - len(each.ids)) + [1] * len(each.ids) for each in batch])
        most = max(each.length for each in batch)
        found = model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=most,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=sorted(ends) or None,
        )
        for job, row in zip(batch, found[:, longest:].tolist(), strict=True):
            said = row[: job.length]
            tokens += next((at + 1 for at, number in enumerate(said) if number in ends), len(said))
    return tokens


def ways_of(folder: Path, jobs: Sequence[Job], ends: frozenset[int]) -> dict[str, Callable[[], int]]:
    blas.use_one_thread()
    tensors, _ = weights.loads((folder / card.WEIGHTS).read_bytes())
    llama = Llama(Config.loads((folder / card.CONFIG).read_bytes()), tensors)
    found: dict[str, Callable[[], int]] = {
        "pocket (numpy), one after the other": lambda: asked(PocketEngine(llama), jobs, ends, 1),
        f"pocket (numpy), {AT_ONCE} at once": lambda: asked(PocketEngine(llama), jobs, ends, AT_ONCE),
    }
    try:
        torch: Any = importlib.import_module("torch")
        transformers: Any = importlib.import_module("transformers")
        engines: Any = importlib.import_module("ocinterp.models.transformers")
    except ImportError:
        print("transformers is not installed: its rows are left out")
        return found
    torch.set_num_threads(1)
    config = transformers.LlamaConfig(**{**json.loads((folder / card.CONFIG).read_text()), "bos_token_id": None})
    config.eos_token_id = config.pad_token_id = None
    model = transformers.LlamaForCausalLM(config).eval()
    model.load_state_dict({name: torch.from_numpy(each.copy()) for name, each in tensors.items()}, strict=False)
    return {
        "transformers' generate, one after the other": lambda: generated(model, jobs, ends, 1),
        f"transformers' generate, batches of {AT_ONCE}": lambda: generated(model, jobs, ends, AT_ONCE),
        "hf: (torch), one after the other": lambda: asked(engines.TransformersEngine(model), jobs, ends, 1),
        f"hf: (torch), {AT_ONCE} at once": lambda: asked(engines.TransformersEngine(model), jobs, ends, AT_ONCE),
        **found,
    }


def real(folder: Path, count: int) -> tuple[list[Job], frozenset[int]]:
    """The tasks themselves, for a model that can end an answer."""
    from ocinterp.models.pocket.model import Pocket

    speech = Pocket.load(folder).speech
    problems = list(store.load("pocket", Path()).problems.values())[:count]
    return [Job(speech.prompt(each.task.prompt), 256) for each in problems], speech.ends


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a part of the tasks, one round")
    options.add_argument("--tasks", type=int, default=164)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--model", type=Path, help="a pocket model's folder")
    given = options.parse_args()
    count, rounds = (32, 1) if given.quick else (given.tasks, given.rounds)
    print(machine())
    with tempfile.TemporaryDirectory() as made:
        folder = given.model or Path(made)
        if given.model:
            jobs, ends = real(folder, count)
        else:
            write(folder)
            jobs, ends = jobs_of(count), frozenset[int]()
        ways = ways_of(folder, jobs, ends)
        best: dict[str, Taken] = {}
        for _ in range(rounds):
            for name, way in ways.items():
                taken = measured(way)
                if name not in best or taken.cpu_seconds < best[name].cpu_seconds:
                    best[name] = taken
    prompts = sum(len(each.ids) for each in jobs)
    print(f"{len(jobs)} tasks, {prompts:,} tokens of prompts\n")
    print("| way | tokens | CPU s | wall s | tokens a CPU second | times the first |\n|---|---:|---:|---:|---:|---:|")
    slowest = next(iter(best.values()))
    for name, each in best.items():
        print(
            f"| {name} | {each.tokens:,} | {each.cpu_seconds:.2f} | {each.wall_seconds:.2f} | {each.rate:,.0f} "
            f"| {each.rate / slowest.rate:.1f} |"
        )


if __name__ == "__main__":
    main()
