"""Supervised fine-tuning: a model that can write learns from dialogues what to do with what came of its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ocinterp.errors import UsageError
from ocinterp.train import folders, memory, mixing, models, parallel, stage, tokenizers
from ocinterp.train.chats import ChatFormat
from ocinterp.train.orders import Ended, Order, Screen
from ocinterp.train.parallel import World
from ocinterp.train.shapes import of_config
from ocinterp.train.stage import Lessons


def run(order: Order, screen: Screen) -> Ended:
    """Train, and leave the model in the order's folder; the same order again goes on where it was stopped.

    UsageError and DataError before the first step for what can be known then.
    """
    recipe = order.recipe
    if not recipe.base:
        raise UsageError("no model to begin with: name a folder, or a name on the Hugging Face hub, as --model")
    mixing.check(order.data)
    with parallel.joined(order.device) as world:
        if recipe.lora and recipe.lora.bits == 4:
            models.check_four_bits(world)
        config = models.config(recipe.base)
        stage.ensure_room(order, config)
        tokenizer = tokenizers.load(recipe.base, recipe.template)
        check(order, config)
        form = ChatFormat(tokenizer, recipe.base)
        rows, used = stage.mix(order, form, world)
        if (most := max(max(row.ids) for row in rows)) >= config.vocab_size:
            raise UsageError(
                f"{recipe.base}: its tokenizer has ids up to {most:,}, the model {config.vocab_size:,} entries"
            )
        lessons = Lessons(tokenizer, form, rows, used)
        at = stage.begin(order, lessons, world, screen, model=folders.of_model(recipe.base))
        if at is None:
            return Ended(finished=True)
        _estimate(order, config, world, screen)
        model = models.load(recipe, config, world)
        if world.first:
            models.check_logits(model)
        adapters = models.add_adapters(model, recipe.lora, recipe.seed) if recipe.lora else None
        return stage.train(order, lessons, model, at, world, screen, adapters)


def _estimate(order: Order, config: Any, world: World, screen: Screen) -> None:
    """Say what it will take, where that could not be said before the model was known."""
    shape = of_config(config.to_dict())
    if order.recipe.shape is None and shape is not None:
        each = memory.estimate(order.recipe, shape, world.size)
        where = f" on each of {world.size} devices" if world.size > 1 else ""
        screen.say(f"estimated memory{where}: {each.total / 1e9:.1f} GB")


def check(order: Order, config: Any) -> None:
    """UsageError where the order and the model do not fit each other."""
    recipe = order.recipe
    most = getattr(config, "max_position_embeddings", recipe.context)
    if recipe.context > most:
        raise UsageError(
            f"{recipe.base} reads {most:,} tokens, the recipe's context is {recipe.context:,}: --set context={most}"
        )
    if order.folder.absolute() == Path(recipe.base).absolute():
        raise UsageError(f"--out {order.folder} is the model to begin with: choose another folder")
