"""Training from nothing: a new model of the recipe's shape learns texts and dialogues, with a tokenizer made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from ocinterp.errors import UsageError
from ocinterp.train import mixing, models, parallel, sources, stage, tokenizers
from ocinterp.train.chats import ChatFormat
from ocinterp.train.orders import Ended, Order, Screen
from ocinterp.train.stage import Lessons


def run(order: Order, screen: Screen) -> Ended:
    """Train, and leave the model in the order's folder; the same order again goes on where it was stopped.

    UsageError and DataError before the first step for what can be known then.
    """
    recipe = order.recipe
    if recipe.shape is None:
        raise UsageError(f"the recipe {recipe.name} has no shape of a model: [shape] says how many layers it has")
    if recipe.lora:
        raise UsageError(f"the recipe {recipe.name} has adapters: there is nothing yet that they could adapt")
    if recipe.context > recipe.shape.positions:
        raise UsageError(
            f"the context of {recipe.context:,} is longer than the shape's positions, {recipe.shape.positions:,}"
        )
    mixing.check(order.data)
    with parallel.joined(order.device) as world:
        stage.ensure_room(order, models.config_of(recipe.shape, 0))
        tokenizer = _tokenizer(order)
        config = models.config_of(recipe.shape, len(tokenizer))
        form = ChatFormat(tokenizer)
        rows, used = stage.mix(order, form, world, texts=True)
        lessons = Lessons(tokenizer, form, rows, used)
        at = stage.begin(order, lessons, world, screen, tokenizer=_digest(tokenizer))
        if at is None:
            return Ended(finished=True)
        config.eos_token_id = form.end
        config.pad_token_id = tokenizer.pad_token_id
        config.bos_token_id = tokenizer.bos_token_id
        return stage.train(order, lessons, models.make(config, recipe.seed), at, world, screen)


def _tokenizer(order: Order) -> Any:
    """The one that was named, or one made of all the data, also of what has no share: so mixes can be compared."""
    recipe = order.recipe
    if order.tokenizer:
        return tokenizers.load(order.tokenizer, recipe.template)
    assert recipe.shape is not None
    return tokenizers.learn(_texts(order), recipe.shape.vocabulary)


def _texts(order: Order) -> Iterator[str]:
    for each in order.data:
        for lesson in sources.read(each.path, texts=True):
            yield from (message.content for message in lesson.messages)


def _digest(tokenizer: Any) -> str:
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
