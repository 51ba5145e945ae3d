"""What all stages have in common: from rows and a model to a folder with the trained model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from ocinterp.files import replace_file
from ocinterp.train import attention, card, crews, curves, folders, memory, mixing, models, tracking
from ocinterp.train.batches import Plan
from ocinterp.train.chats import ChatFormat
from ocinterp.train.folders import RunFolder
from ocinterp.train.loop import CHECKPOINT, METRICS, Measured, Trainer
from ocinterp.train.mixing import Used
from ocinterp.train.optimizers import Optimizer, Schedule
from ocinterp.train.orders import Ended, Order, Screen, peak_of
from ocinterp.train.orders import describe as told
from ocinterp.train.parallel import World, spread
from ocinterp.train.recipe import Recipe
from ocinterp.train.rows import Row
from ocinterp.train.shapes import of_config


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is learnt, and how it is written."""

    tokenizer: Any
    form: ChatFormat
    rows: Sequence[Row]
    used: Sequence[Used]


def mix(order: Order, form: ChatFormat, world: World, *, texts: bool = False) -> tuple[list[Row], list[Used]]:
    """What is learnt of the order's files. Each process of the run reads all of them, with its part of the processors."""
    recipe = order.recipe
    return mixing.collect(
        order.data,
        form,
        recipe.context,
        recipe.seed,
        others=recipe.others,
        texts=texts,
        workers=crews.cores(world.size),
    )


def ensure_room(order: Order, config: Any) -> None:
    """DataError where the disk has no room for the run. The model is not made for it."""
    recipe, parameters = order.recipe, models.count(config)
    shape = of_config(config.to_dict())
    trained = memory.trained(recipe, shape) if shape else parameters
    folders.ensure_room(order.folder, memory.checkpoint_bytes(recipe, parameters, trained))


def begin(order: Order, lessons: Lessons, world: World, screen: Screen, **more: Any) -> RunFolder | None:
    """The run's folder, by what makes it this run: its recipe, its data, the template of its chats. None: it is finished."""
    data = [[each.sha256, each.rows] for each in lessons.used]
    known = folders.identity(order.recipe, data=data, chat=lessons.tokenizer.chat_template, **more)
    found = RunFolder(order.folder, known)
    finished = found.begin() if world.first else False
    world.wait()
    if found.begin() if not world.first else finished:
        screen.say(f"{order.folder} holds this run, finished: there is nothing to do")
        return None
    for each in lessons.used:
        for line in each.lines():
            screen.say(line)
    return found


def train(
    order: Order, lessons: Lessons, model: Any, run: RunFolder, world: World, screen: Screen, adapters: Any = None
) -> Ended:
    """All steps, and what is left of them: the model, its card and curves, where they end."""
    recipe = order.recipe
    if recipe.checkpointing:
        model.activation_checkpointing_enable()
    parameters = sum(weight.numel() for weight in model.parameters())
    trainer = _trainer(order, lessons, model, run, world, screen)
    screen.say(
        f"{len(lessons.rows):,} rows, {trainer.plan.tokens:,} tokens in {recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''}, "
        f"{trainer.plan.efficiency:.1%} of what is computed; {parameters:,} parameters on {_device(world)}"
    )
    step = _steps(order, trainer, world, screen)
    if step.tokens < trainer.plan.tokens:
        return Ended(finished=False, step=step.step)
    models.save(trainer.learner.model, lessons.tokenizer, lessons.form.end, order.folder, world, adapters)
    if world.first:
        _describe(order, lessons, world, parameters, screen)
        run.finish()
        (order.folder / CHECKPOINT).unlink(missing_ok=True)
    world.wait()
    return Ended(finished=True, step=step.step)


def optimizer_of(recipe: Recipe, model: Any) -> Optimizer:
    """What changes a model's weights as the recipe says."""
    return Optimizer(
        model,
        recipe.optimizer,
        recipe.rate,
        schedule=Schedule(recipe.schedule, recipe.warmup, recipe.final),
        decay=recipe.decay,
        clip=recipe.clip,
        matrix_rate=recipe.matrix_rate,
    )


def _trainer(order: Order, lessons: Lessons, model: Any, run: RunFolder, world: World, screen: Screen) -> Trainer:
    recipe = order.recipe
    attention.fit(model, world.device)
    learner = spread(model, world)
    optimizer = optimizer_of(recipe, learner.model)
    padding = lessons.tokenizer.pad_token_id
    plan = Plan(
        lessons.rows,
        recipe.context,
        recipe.packs,
        recipe.epochs,
        recipe.seed,
        lessons.form.end if padding is None else padding,
    )
    gpu = world.device.type == "cuda"
    return Trainer(
        learner,
        optimizer,
        plan,
        order.folder,
        dict(run.identity),
        world,
        every=order.every,
        packs_at_once=recipe.packs_at_once,
        autocast=torch.bfloat16 if gpu and world.size == 1 else None,
        peak_flops=order.peak_flops or (peak_of(torch.cuda.get_device_name()) if gpu else None),
        clock=time.perf_counter if gpu else time.process_time,
        stop=screen.stop,
    )


def _steps(order: Order, trainer: Trainer, world: World, screen: Screen) -> Measured:
    """Run them, and tell of each; the last one. Where none was left, the last of the file."""
    record = nullcontext(None)
    if order.track and world.first:
        record = tracking.tracker(order.track, order.folder.name, told(order.recipe), order.folder)
    last: Measured | None = None
    with record as log, screen.steps(trainer.plan.tokens) as tell:
        for last in trainer.run():
            tell(last)
            if log is not None:
                log.log(last.step, {"loss": last.loss, "norm": last.norm, "rate": last.rate, "mfu": last.mfu or 0.0})
    if last is None:
        return Measured(**card.metrics((order.folder / METRICS).read_text("utf-8"))[-1])
    return last


def _describe(order: Order, lessons: Lessons, world: World, parameters: int, screen: Screen) -> None:
    found = card.metrics((order.folder / METRICS).read_text("utf-8"))
    facts = card.Facts(lessons.used, found, parameters, _device(world), world.size, order.licence, order.results)
    replace_file(order.folder / "README.md", [card.write(order.recipe, facts).encode()])
    if curves.available():
        curves.draw(found, order.folder / "curves.png")
    else:
        screen.say("no curves.png: matplotlib is not installed (pip install matplotlib)")


def _device(world: World) -> str:
    kind = torch.cuda.get_device_name() if world.device.type == "cuda" else "CPU"
    return f"{world.size} x {kind}" if world.size > 1 else kind
