"""Reinforcement learning from execution feedback: a model practises on tasks, and learns from what came of its answers.

Each step: dialogues in groups with the weights as they are (rollouts.py), what each answer was worth beside the others of
its group (credit.py), and changes of the weights by it (grpo.py).
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ocinterp.errors import UsageError
from ocinterp.files import replace_file
from ocinterp.models.engine import Sampling
from ocinterp.train import (
    checkpoints,
    credit,
    curves,
    folders,
    grpo,
    metrics,
    models,
    parallel,
    practised,
    rollouts,
    samplers,
    sft,
    stage,
    tokenizers,
)
from ocinterp.train.card import metrics as lines_of
from ocinterp.train.chats import ChatFormat
from ocinterp.train.checkpoints import Progress
from ocinterp.train.episodes import Row, rows
from ocinterp.train.exercises import Exercises
from ocinterp.train.optimizers import Optimizer
from ocinterp.train.orders import Ended, Order, Screen
from ocinterp.train.parallel import World
from ocinterp.train.practised import Learnt, Practised
from ocinterp.train.recipe import Practice, Recipe
from ocinterp.train.rollouts import Clock, Grounds, Group, Practising
from ocinterp.train.samplers import Sampler
from ocinterp.train.stage import Lessons


async def run(order: Order, exercises: Exercises, grounds: Grounds, screen: Screen, server: str = "") -> Ended:
    """Train, and leave the model in the order's folder; the same order again goes on where it was stopped.

    With `server`, the address of a vLLM server, that answers, and no engine in this process. UsageError and DataError before
    the first step for what can be known then; SandboxError where most dialogues of a step are lost.
    """
    begun = await asyncio.to_thread(_begun, order, exercises, grounds, screen, server)  # sandboxes are not kept waiting
    if begun is None:
        return Ended(finished=True)
    course, finish = begun
    screen.say(course.title)
    async for found in course.run(screen.stop):
        screen.say(found.line(course.practice.steps))
    if course.done < course.practice.steps:
        return Ended(finished=False, step=course.done)
    await asyncio.to_thread(finish)
    return Ended(finished=True, step=course.done)


def _begun(
    order: Order, exercises: Exercises, grounds: Grounds, screen: Screen, server: str
) -> tuple[Course, Callable[[], None]] | None:
    """The course, and what is to be done at its end. None: the run is finished."""
    recipe = order.recipe
    _check(recipe, server)
    _check_tasks(recipe, exercises)
    with parallel.joined(order.device) as world:
        if world.size > 1:
            raise UsageError("a model practises in one process: start it without torchrun")
    config = models.config(recipe.base)
    stage.ensure_room(order, config)
    tokenizer = tokenizers.load(recipe.base, recipe.template)
    form = ChatFormat(tokenizer, recipe.base)
    sft.check(order, config)
    known = {"tasks": exercises.identity, "model": folders.of_model(recipe.base)}
    at = stage.begin(order, Lessons(tokenizer, form, (), ()), world, screen, **known)
    if at is None:
        return None
    model = models.load(recipe, config, world)
    models.check_logits(model)
    adapters = models.add_adapters(model, recipe.lora, recipe.seed) if recipe.lora else None
    if recipe.checkpointing:
        model.activation_checkpointing_enable()
    model = parallel.spread(model, world).model
    sampler = _sampler(order, tokenizer, form, world, _Served(server, adapters))
    padding = form.end if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    course = Course(order, model, exercises, grounds, sampler, dict(at.identity), world, padding)

    def finish() -> None:
        models.save(model, tokenizer, form.end, order.folder, world, adapters)
        _describe(order, exercises, course, screen)
        at.finish()
        (order.folder / checkpoints.NAME).unlink(missing_ok=True)

    return course, finish


def _check(recipe: Recipe, server: str) -> None:
    """UsageError for what no model can practise by."""
    if recipe.practice is None:
        raise UsageError(
            f"the recipe {recipe.name} does not say how to practise: [practice] has steps, groups, dialogues"
        )
    if not recipe.base:
        raise UsageError("no model to begin with: name a folder, or a name on the Hugging Face hub, as --model")
    if recipe.lora and recipe.lora.bits == 4:
        raise UsageError("weights in 4 bits cannot practise: without +qlora, or with +lora")
    if recipe.practice.dialogues < 2:
        raise UsageError(
            "practice.dialogues is 1: answers are compared with others of their group, so it has two or more"
        )
    if recipe.practice.second > 1 or recipe.practice.discount > 1 or recipe.practice.low >= 1:
        raise UsageError("practice.second, practice.discount and practice.low are at most 1 (low: below it)")
    if server and not recipe.lora:
        raise UsageError("a server loads adapters after each step, and the recipe has none: name it with +lora")
    if server and recipe.practice.temperature != 1:
        raise UsageError("a server tells log-probabilities at temperature 1: --set practice.temperature=1.0")


def _check_tasks(recipe: Recipe, exercises: Exercises) -> None:
    """UsageError where there are fewer tasks than a step takes."""
    assert recipe.practice is not None
    first, later = rollouts.sizes(recipe.practice)
    exercises.drawn(recipe.seed, first)
    exercises.drawn(recipe.seed, later, hard=True)


@dataclass(frozen=True, slots=True)
class _Served:
    """A server, and the configuration of the adapters that it is given."""

    url: str
    adapters: Any


def _sampler(order: Order, tokenizer: Any, form: ChatFormat, world: World, served: _Served) -> Sampler:
    """The server that was named, else numpy's engine for a pocket model on a processor, or else the model itself."""
    recipe, practice = order.recipe, order.recipe.practice
    assert practice is not None
    sampling = Sampling(practice.temperature, practice.answer)
    if served.url:
        from ocinterp.models.transformers import Speech
        from ocinterp.train.vllm import Vllm

        speech = Speech(tokenizer, frozenset({form.end}))

        def save(model: Any, folder: Path) -> None:
            models.save_adapters(model, served.adapters, folder)

        return Vllm(served.url.rstrip("/"), speech, sampling, recipe.context, order.folder, save)
    if world.device.type == "cpu" and not recipe.lora:
        found = samplers.pocket(Path(recipe.base), sampling, recipe.context)
        if found is not None:
            return found
    return samplers.transformers(tokenizer, form.end, sampling, recipe.context).within(lambda: _cast(world))


def _cast(world: World) -> Any:
    """On a GPU matrices are multiplied in bfloat16."""
    return torch.autocast("cuda", torch.bfloat16) if world.device.type == "cuda" else nullcontext()


@dataclass
class Course:
    """A model on its way through the steps of its practice."""

    order: Order
    model: Any
    exercises: Exercises
    grounds: Grounds
    sampler: Sampler
    identity: dict[str, Any]
    world: World
    padding: int
    done: int = 0

    @property
    def practice(self) -> Practice:
        assert self.order.recipe.practice is not None
        return self.order.recipe.practice

    @property
    def title(self) -> str:
        practice, parameters = self.practice, sum(weight.numel() for weight in self.model.parameters())
        return (
            f"{practice.steps:,} steps of {practice.groups} groups of {practice.dialogues} dialogues on {self.exercises.title}; "
            f"{parameters:,} parameters, answers by {self.sampler.name}"
        )

    async def run(self, stop: Callable[[], bool]) -> AsyncIterator[Practised]:
        """All steps that are left, each measured. Goes on from the folder's checkpoint, if there is one."""
        practice, folder = self.practice, self.order.folder
        reference = grpo.reference(self.model, adapted=self.order.recipe.lora is not None) if practice.kl else None
        optimizer = stage.optimizer_of(self.order.recipe, self.model)
        path = folder / checkpoints.NAME
        at = checkpoints.restore(path, self.model, optimizer, self.identity) if path.exists() else Progress()
        metrics.cut(folder, at.step)
        self.done, began = at.step, time.perf_counter() - at.seconds
        for step in range(at.step + 1, practice.steps + 1):
            found = await self._step(step, optimizer, reference)
            at = Progress(step, at.tokens + found.said, time.perf_counter() - began)
            found = replace(found, tokens=at.tokens, seconds=at.seconds)
            metrics.note(folder, asdict(found))
            stopped = stop()
            if step % self.order.every == 0 or step == practice.steps or stopped:
                checkpoints.keep(path, self.model, optimizer, at, self.identity, self.world)
            self.done = step
            yield found
            if stopped:
                return

    async def _step(self, step: int, optimizer: Optimizer, reference: grpo.Reference | None) -> Practised:
        """Dialogues, and what is learnt from them."""
        clock, before = Clock(), (self.sampler.tokens, self.sampler.seconds)
        seed = f"{self.order.recipe.seed} {step}"
        await self.sampler.take(self.model)
        practising = Practising(self.exercises, self.grounds, self.practice)
        groups = await practising.groups(self.sampler.rounds, seed, clock)
        began = time.perf_counter()
        torch.manual_seed(zlib.crc32(seed.encode()))
        learnt = await asyncio.to_thread(self._learn, groups, optimizer, step, reference)
        clock.add("learning", began)
        said, seconds = self.sampler.tokens - before[0], self.sampler.seconds - before[1]
        spent = {**clock.spent, "generating": seconds, "playing": clock.spent["playing"] - seconds}
        return replace(practised.of_groups(step, groups, self.practice, learnt), said=said, spent=spent)

    def _learn(
        self, groups: Sequence[Group], optimizer: Optimizer, step: int, reference: grpo.Reference | None
    ) -> Learnt:
        """Change the weights by the groups that can tell their dialogues apart. None of them: nothing is changed."""
        found = taught(groups, self.practice)
        if not found:
            return Learnt()
        recipe = self.order.recipe
        made = grpo.batches(found, recipe.context, recipe.packs_at_once, self.padding)
        made = [each.to(self.world.device) for each in made]
        apart = [reference(self.model, each, self.practice.temperature) for each in made] if reference else None
        count = sum(sum(row.said) for part in found for row in part)
        self.model.train()
        passes: list[grpo.Sums] = []
        norm = 0.0
        for _ in range(self.practice.passes):
            passes.append(sums := grpo.Sums())
            for number, batch in enumerate(made):
                with _cast(self.world):
                    now = grpo.logprobs(self.model, batch, self.practice.temperature)
                loss = grpo.objective(now, batch, self.practice, apart[number] if apart else None, sums)
                (loss / count).backward()
            norm = optimizer.step(step / self.practice.steps)
        self.model.eval()
        before, clipped = passes[0], passes[-1].clipped / count
        means = before.loss / count, before.kl / count, clipped, before.furthest
        return Learnt(len(found), sum(map(len, found)), *means, norm, optimizer.rate)


def taught(groups: Sequence[Group], practice: Practice) -> list[list[Row]]:
    """The rows of each group whose dialogues differ in what they are worth."""
    found: list[list[Row]] = []
    for group in groups:
        returned = [credit.returns(each, practice) for each in group.episodes]
        better = credit.advantages(returned, spread=practice.spread)
        if credit.teaches(better):
            pairs = zip(group.episodes, better, strict=True)
            found.append([row for episode, advantages in pairs for row in rows(episode, advantages)])
    return found


def _describe(order: Order, exercises: Exercises, course: Course, screen: Screen) -> None:
    found = lines_of((order.folder / metrics.NAME).read_text("utf-8"))
    parameters = sum(weight.numel() for weight in course.model.parameters())
    text = practised.card(order, exercises.title, found, parameters)
    replace_file(order.folder / "README.md", [text.encode()])
    if curves.available():
        curves.draw_practice(found, order.folder / "curves.png")
    else:
        screen.say("no curves.png: matplotlib is not installed (pip install matplotlib)")
