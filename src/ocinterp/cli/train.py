"""`ocinterp train`: models from trajectories."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.errors import UsageError
from ocinterp.files import explained
from ocinterp.protocols import ignore

if TYPE_CHECKING:
    from ocinterp.train.chats import ChatFormat
    from ocinterp.train.loop import Measured
    from ocinterp.train.orders import Ended, Order, Screen
    from ocinterp.train.recipe import Recipe
    from ocinterp.train.shapes import Shape
    from ocinterp.train.sources import Source

app = typer.Typer(
    help="Train a model on trajectories, or write them for other trainers.", no_args_is_help=True, rich_markup_mode=None
)

_RECIPE = Annotated[
    str,
    typer.Argument(
        help="A name of `ocinterp train list`, also with +lora or +qlora; or a file.toml.", metavar="RECIPE"
    ),
]
_DATA = Annotated[
    list[str],
    typer.Option(
        "--data", "-d", help="A file of dialogues, a row a line; its share in the mix.", metavar="FILE[:SHARE]"
    ),
]
_OUT = Annotated[Path | None, typer.Option("--out", "-o", help="The folder of the run; the same one goes on with it.")]
_SET = Annotated[
    list[str], typer.Option("--set", help="Change the recipe: rate=1e-5, lora.rank=8.", metavar="KEY=VALUE")
]
_PLAN = Annotated[bool, typer.Option("--plan", help="Say what it takes, and stop.")]
_GPU = Annotated[float, typer.Option(help="Memory of a GPU in GB, for the plan.", metavar="GB", min=1)]
_DEVICE = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
_THREADS = Annotated[int, typer.Option(help="Threads of the processor; two that share a busy one are slower.", min=1)]
_EVERY = Annotated[int, typer.Option(help="Steps from checkpoint to checkpoint.", min=1)]
_PEAK = Annotated[float | None, typer.Option(help="What a device can do at most, for MFU; known for A100, H100, H200.")]
_TRACK = Annotated[str, typer.Option(help="Also hand the numbers to trackio, wandb or tensorboard.")]
_LICENCE = Annotated[str, typer.Option(help="Licence of the data, for the model card.")]
_RESULTS = Annotated[Path | None, typer.Option(help="A Markdown file with results, for the model card.")]
_RESUME = Annotated[
    bool, typer.Option("--resume", help="Only go on: refuse where there is no run. (The same command goes on anyway.)")
]

_LARGE = 100_000_000  # numbers of a model that may want more than one GPU
_ROW = "{:<12} {:<9} {:>8}  {:>12} {:>12} {:>12}  {}"


@app.command("list")
def list_(gpu_memory: _GPU = 80) -> None:
    """List the recipes, and on how many GPUs of how much memory each fits: in full, with +lora, with +qlora (estimates)."""
    from ocinterp.train import recipe

    print(_ROW.format("name", "stage", "numbers", "full", "+lora", "+qlora", "model"))
    for name in recipe.names():
        found = recipe.find(name)
        if found.shape is None:
            print(_ROW.format(name, found.stage, "", "", "", "", found.title))
            continue
        variants = ["", "+lora", "+qlora"] if found.stage == "sft" else [""]
        fits = [_fit(recipe.find(name + each), found.shape, gpu_memory) for each in variants]
        size = (
            f"{found.shape.parameters / 1e9:.1f}B"
            if found.shape.parameters > 5e8
            else f"{found.shape.parameters / 1e6:.1f}M"
        )
        print(_ROW.format(name, found.stage, size, *fits, *[""] * (3 - len(fits)), found.base or found.title))


@app.command()
def sft(
    recipe: _RECIPE,
    data: _DATA = [],  # noqa: B006  typer reads it, and nobody changes it
    out: _OUT = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Begin with this folder or hub name instead.")] = "",
    changes: _SET = [],  # noqa: B006
    plan: _PLAN = False,
    gpu_memory: _GPU = 80,
    device: _DEVICE = "auto",
    threads: _THREADS = 1,
    checkpoint_every: _EVERY = 200,
    peak_tflops: _PEAK = None,
    track: _TRACK = "",
    licence: _LICENCE = "",
    results: _RESULTS = None,
    resume: _RESUME = False,
) -> None:
    """Fine-tune a model on dialogues: what it said that nothing calls wrong is learnt, the rest is context."""
    from ocinterp.train import shapes
    from ocinterp.train.orders import Order
    from ocinterp.train.recipe import find

    other = [f"base={model}", f"title={Path(model).name}, fine-tuned", "licence="] if model else []
    chosen = find(recipe, [*other, *changes])
    _stage(chosen, "sft")
    if model:
        chosen = replace(chosen, shape=shapes.of_folder(Path(model)))
    _tell_plan(chosen, gpu_memory, stop=plan)
    order = Order(
        chosen, _sources(data), _folder(out, resume), device=device, every=checkpoint_every, peak_flops=_flops(peak_tflops),
        track=track, licence=licence, results=_read(results),
    )  # fmt: skip
    _train(order, threads)


@app.command()
def pretrain(
    recipe: _RECIPE,
    data: _DATA = [],  # noqa: B006
    out: _OUT = None,
    tokenizer: Annotated[str, typer.Option(help="A tokenizer's folder; else one is made from the data.")] = "",
    changes: _SET = [],  # noqa: B006
    plan: _PLAN = False,
    gpu_memory: _GPU = 80,
    device: _DEVICE = "auto",
    threads: _THREADS = 1,
    checkpoint_every: _EVERY = 200,
    peak_tflops: _PEAK = None,
    track: _TRACK = "",
    licence: _LICENCE = "",
    results: _RESULTS = None,
    resume: _RESUME = False,
) -> None:
    """Train a new model from nothing, on texts and dialogues."""
    from ocinterp.train.orders import Order
    from ocinterp.train.recipe import find

    chosen = find(recipe, changes)
    _stage(chosen, "pretrain")
    _tell_plan(chosen, gpu_memory, stop=plan)
    order = Order(
        chosen, _sources(data), _folder(out, resume), tokenizer=tokenizer, device=device, every=checkpoint_every,
        peak_flops=_flops(peak_tflops), track=track, licence=licence, results=_read(results),
    )  # fmt: skip
    _train(order, threads)


@app.command()
def rl(
    recipe: _RECIPE = "practice",
    tasks: Annotated[
        str, typer.Option(metavar="pocket|FILE", help="Built-in tasks, or a file of tasks with tests.")
    ] = "pocket",
    out: _OUT = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Begin with this folder or hub name.")] = "",
    changes: _SET = [],  # noqa: B006
    server: Annotated[
        str, typer.Option(help="A vLLM server answers, not an engine in this process.", metavar="URL")
    ] = "",
    sandbox: Annotated[str | None, typer.Option(help="Where programs run: auto, ns, bwrap, landlock, ...")] = None,
    workers: Annotated[int | None, typer.Option(help="Programs judged at once.", metavar="N", min=1)] = None,
    device: _DEVICE = "auto",
    threads: _THREADS = 1,
    checkpoint_every: _EVERY = 10,
    results: _RESULTS = None,
    resume: _RESUME = False,
) -> None:
    """Let a model practise: it hears of failing visible tests, and its reward is whether hidden ones hold (docs/rl.md)."""
    from ocinterp.cli import practice
    from ocinterp.train.orders import Order
    from ocinterp.train.recipe import find

    chosen = find(recipe, [*changes, *([f"base={model}"] if model else [])])
    _stage(chosen, "rl")
    order = Order(chosen, (), _folder(out, resume), device=device, every=checkpoint_every, results=_read(results))
    _train(order, threads, practice.Course(tasks, sandbox, workers, server).run)


@app.command()
def export(
    files: Annotated[list[Path], typer.Argument(help="Files of dialogues.", metavar="FILE...")],
    to: Annotated[str, typer.Option(help="trl, axolotl or llamafactory.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, a row a line.")],
    tokenizer: Annotated[str, typer.Option(help="For trl: the tokenizer's folder or hub name.")] = "",
    template: Annotated[str, typer.Option(help="For trl: a chat template, where the tokenizer has none.")] = "",
    context: Annotated[int, typer.Option(help="For trl: tokens a row may have.", min=2)] = 4096,
) -> None:
    """Write dialogues for another trainer, with the weights that our own training gives their messages."""
    from ocinterp.train import exports, mixing
    from ocinterp.train.exports import Export
    from ocinterp.train.sources import Source

    trainer = next((each for each in exports.TRAINERS if each == to), None)
    if trainer is None:
        raise UsageError(f"--to {to}: choose of {', '.join(exports.TRAINERS)}")
    mixing.check([Source(each) for each in files])
    form = _form(tokenizer, template) if trainer == "trl" and tokenizer else None
    counts = exports.write(Export(trainer, files, out, form, context))
    for number, what in mixing.left_out(counts):
        _say(f"{number:,} {what}")
    _say(exports.HINTS[trainer].format(path=str(out)))
    print(f"{counts.rows:,} rows: {out}")


@app.command()
def pack(
    model: Annotated[Path, typer.Argument(help="The folder of a Llama that was trained here.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    unpack: Annotated[bool, typer.Option("--unpack", help="Back to float32, as transformers reads it.")] = False,
) -> None:
    """Write a small Llama with a byte for each number, for --model pocket:FOLDER; a quarter of the size."""
    from ocinterp.models.pocket.packing import pack

    size = pack(model, out, "float32" if unpack else "int8")
    print(f"{size / 1e6:.1f} MB: {out}")


def _form(tokenizer: str, template: str) -> ChatFormat:
    if importlib.util.find_spec("transformers") is None:
        raise UsageError("to read a tokenizer needs transformers: pip install transformers jinja2")
    from ocinterp.train import tokenizers
    from ocinterp.train.chats import ChatFormat

    return ChatFormat(tokenizers.load(tokenizer, template), tokenizer)


def _train(order: Order, threads: int, stage: Callable[[Order, Screen], Ended] | None = None) -> None:
    """Run an order to its end; Ctrl-C leaves a checkpoint, and a word on how to go on."""
    _need_packages(order)
    for name, value in {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}.items():
        os.environ.setdefault(name, value)  # before torch is loaded: threads that wait by spinning slow all others
    first = os.environ.get("RANK", "0") == "0"  # torchrun's: of several processes, one speaks
    try:
        ended = _ended(order, threads, first, stage)
    except KeyboardInterrupt:
        print("\nocinterp: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        raise typer.Exit(130) from None
    if ended.finished:
        if first:
            print(order.folder)
        return
    if first:
        print(f"ocinterp: stopped after step {ended.step:,}; a checkpoint is in {order.folder}", file=sys.stderr)
        print("ocinterp: the same command goes on from there", file=sys.stderr)
    raise typer.Exit(130)


def _ended(order: Order, threads: int, first: bool, stage: Callable[[Order, Screen], Ended] | None) -> Ended:
    from ocinterp.cli import steps
    from ocinterp.train import models
    from ocinterp.train import pretrain as from_nothing
    from ocinterp.train import sft as tuning
    from ocinterp.train.orders import Screen

    models.prepare(threads)
    wish = steps.Wish(quiet=not first)

    @contextmanager
    def shown(total: int) -> Generator[Callable[[Measured], None]]:
        with wish.heard(), steps.shown(total, quiet=not first or stage is not None) as tell:
            yield tell

    screen = Screen(_say if first else ignore, shown, wish)
    return (stage or (tuning if order.recipe.stage == "sft" else from_nothing).run)(order, screen)


def _need_packages(order: Order) -> None:
    needed = ["torch", "transformers", "tokenizers", "safetensors", *(["peft"] if order.recipe.lora else [])]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"training needs {', '.join(missing)}: pip install 'ocinterp[train]'")
    if order.track:
        from ocinterp.train import tracking

        tracking.check(order.track)


def _stage(recipe: Recipe, wanted: str) -> None:
    if recipe.stage != wanted:
        raise UsageError(f"the recipe {recipe.name} is for `ocinterp train {recipe.stage}`")


def _sources(data: Sequence[str]) -> tuple[Source, ...]:
    from ocinterp.train import mixing, sources

    found = tuple(sources.parse(each) for each in data)
    mixing.check(found)
    return found


def _folder(out: Path | None, resume: bool) -> Path:
    from ocinterp.train.folders import RUN

    if out is None:
        raise UsageError("say where the model goes: --out FOLDER")
    if resume and not (out / RUN).is_file():
        raise UsageError(f"--resume: there is no run in {out}")
    return out


def _flops(tflops: float | None) -> float | None:
    return None if tflops is None else tflops * 1e12


def _read(path: Path | None) -> str:
    if path is None:
        return ""
    with explained(path):
        return path.read_text("utf-8")


def _tell_plan(recipe: Recipe, gpu_memory: float, *, stop: bool) -> None:
    if os.environ.get("RANK", "0") == "0":
        for line in _plan(recipe, gpu_memory):
            print(line, file=None if stop else sys.stderr)
    if stop:
        raise typer.Exit


def _plan(recipe: Recipe, gpu_memory: float) -> Iterator[str]:
    """What a recipe takes, before anything is loaded."""
    from ocinterp.train import memory

    yield f"{recipe.name}: {recipe.title}{f', from {recipe.base}' if recipe.base else ''}"
    yield (
        f"{recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''}, {recipe.optimizer} at {recipe.rate:g} with {recipe.warmup:.0%} of warm-up, "
        f"{recipe.schedule}; {recipe.packs} packs of {recipe.context:,} tokens a step"
    )
    if recipe.mix:
        parts = ", ".join(f"{each.name} {each.share:g} ({each.source})" for each in recipe.mix)
        yield f"made for the mix {parts}"
    shape = recipe.shape
    if shape is None:
        yield "the model's shape is not known before it is loaded, so neither is the memory"
        return
    yield f"{shape.parameters:,} parameters, {memory.trained(recipe, shape):,} of them trained"
    yield f"estimated memory on each GPU (GB), with {recipe.packs_at_once} of {recipe.packs} packs at once:"
    best = memory.fitting(recipe, shape, gpu_memory * 1e9)
    some = {1, 2, 4, 8} if shape.parameters > _LARGE else {1}
    for gpus in sorted(some | {best.gpus if best else 1}):
        each = memory.estimate(recipe, shape, gpus)
        mark = f"  the fewest with {gpu_memory:g} GB" if best and gpus == best.gpus else ""
        yield (
            f"  {gpus:>3} GPU{' ' if gpus == 1 else 's'} {each.total / 1e9:7.1f}  states {each.states / 1e9:.1f}, "
            f"gathered {each.gathered / 1e9:.1f}, activations {each.activations / 1e9:.1f}{mark}"
        )
    if best is None:
        yield f"it does not fit on GPUs of {gpu_memory:g} GB"
    elif best.gpus > 1:
        yield f"start it with: torchrun --nproc-per-node {best.gpus} --no-python ocinterp train {recipe.stage} {recipe.name} ..."


def _fit(recipe: Recipe, shape: Shape, gpu_memory: float) -> str:
    from ocinterp.train import memory

    found = memory.fitting(recipe, shape, gpu_memory * 1e9)
    return f"{found.gpus} x {found.total / 1e9:.0f} GB" if found else "-"


def _say(line: str) -> None:
    print(line, file=sys.stderr)
