"""What a step of practice came to, and the card of a model that has practised."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from ocinterp import __version__
from ocinterp.train import card as cards
from ocinterp.train import credit
from ocinterp.train.episodes import Episode
from ocinterp.train.orders import Order
from ocinterp.train.recipe import Practice
from ocinterp.train.rollouts import Group


@dataclass(frozen=True, slots=True)
class Learnt:
    """How the weights were changed. `used` groups could tell their dialogues apart; the rest was skipped."""

    used: int = 0
    rows: int = 0
    loss: float = 0.0  # a token, before the weights were changed,
    kl: float = 0.0  # as was the distance from the reference, in nats
    clipped: float = 0.0  # of the tokens, in the last pass
    furthest: float = 0.0  # the largest distance of a log-probability from the sampler's, before: rounding, or an error
    norm: float = 0.0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Practised:
    """One step. Shares are None where nothing of the kind was there."""

    step: int
    reward: float | None  # the mean return of what was begun in dialogues, penalties included
    first: float | None  # of the dialogues that begin at the request: right at once,
    solved: float | None  # and right in the end
    mended: float | None  # of the dialogues that heard of a failure: right in the end
    repeated: float | None  # of the answers to a failure: those with a program that had been there
    groups: int
    dialogues: int
    lost: int  # to the sandbox
    learnt: Learnt
    tokens: int = 0  # that were said, up to here
    said: int = 0  # of those, in this step
    seconds: float = 0.0  # up to here
    spent: Mapping[str, float] = field(default_factory=dict[str, float])  # seconds of this step, on what

    def line(self, steps: int) -> str:
        """For people."""
        shares = {"first": self.first, "solved": self.solved, "mended": self.mended, "repeated": self.repeated}
        told = " ".join(f"{name} {share:.0%}" for name, share in shares.items() if share is not None)
        lost = f"  {self.lost} lost" if self.lost else ""
        speed = self.said / self.spent["generating"] if self.spent.get("generating") else 0.0
        return (
            f"step {self.step}/{steps}  reward {0.0 if self.reward is None else self.reward:.3f}  {told}  "
            f"groups {self.learnt.used}/{self.groups}  kl {self.learnt.kl:.4f}  clipped {self.learnt.clipped:.1%}  "
            f"{speed:,.0f} tokens/s  {sum(self.spent.values()):.1f} s{lost}"
        )


def of_groups(step: int, groups: Sequence[Group], practice: Practice, learnt: Learnt) -> Practised:
    """The measurements of a step's dialogues."""
    episodes = [each for group in groups for each in group.episodes]
    whole = [each for each in episodes if not each.shared]
    refined = [each for each in episodes if len(each.trajectory.turns) > 1]
    answers = [repeated for each in refined for repeated in _later(each)]
    return Practised(
        step,
        _mean([credit.returns(each, practice)[0] for each in episodes]),
        _mean([each.solved and len(each.own) == 1 for each in whole]),
        _mean([each.solved for each in whole]),
        _mean([each.solved for each in refined]),
        _mean(answers),
        len(groups),
        len(episodes),
        sum(group.lost for group in groups),
        learnt,
    )


def _later(episode: Episode) -> tuple[bool, ...]:
    """Of the answers to a failure, whether each repeats."""
    return episode.repeats if episode.shared else episode.repeats[1:]


def _mean(values: Sequence[float | bool]) -> float | None:
    return fmean(values) if values else None


def card(order: Order, tasks: str, found: Sequence[dict[str, Any]], parameters: int) -> str:
    """The model card, in Markdown with the header that the Hugging Face hub reads. `found` are the lines of metrics.jsonl."""
    return "\n".join([*cards.header(order.recipe), *_body(order, tasks, found, parameters)]) + "\n"


def _body(order: Order, tasks: str, found: Sequence[dict[str, Any]], parameters: int) -> Iterator[str]:
    recipe = order.recipe
    last, tenth = found[-1], max(1, len(found) // 10)
    yield f"\n# {recipe.title or recipe.name}\n"
    yield (
        f"Begun from `{recipe.base}`, it practised by the recipe `{recipe.name}` of ocinterp {__version__} on {tasks}: "
        f"{parameters:,} parameters. Its programs ran in a sandbox, failing visible tests were told to it, and its reward was "
        "whether the hidden ones held."
    )
    yield f"\nLicence of the model it begins from: {recipe.licence or 'none was named'}."
    yield "\n## Practice\n"
    yield (
        f"{last['step']:,} steps, {sum(each['dialogues'] for each in found):,} dialogues, {last['tokens']:,} tokens said, "
        f"{last['seconds']:,.0f} seconds; {sum(each['lost'] for each in found):,} dialogues were lost to the sandbox. "
        "Every step is in `metrics.jsonl`. On the tasks that it practised on, at the temperature of practice:\n"
    )
    yield f"| | first {tenth} steps | last {tenth} |"
    yield "|---|---:|---:|"
    for name, words in (
        ("first", "right at once"),
        ("solved", "right in the end"),
        ("mended", "right after it was told of a failure"),
        ("repeated", "answers to a failure that repeat a program"),
    ):
        yield f"| {words} | {_share(found[:tenth], name)} | {_share(found[-tenth:], name)} |"
    yield "\n```json"
    yield json.dumps({name: value for name, value in recipe.plain().items() if value not in (None, "")}, indent=1)
    yield "```"
    yield "\n## Results\n"
    yield order.results.strip() or cards.NO_RESULTS


def _share(found: Sequence[dict[str, Any]], name: str) -> str:
    values = [each[name] for each in found if each[name] is not None]
    return f"{100 * fmean(values):.1f} %" if values else "-"
