"""What attempts cost in tokens, and how many independent answers the same tokens buy (decision 0012)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ocinterp.bench.attempts import Attempt
from ocinterp.protocols import Model, ignore
from ocinterp.types import Completion, Message, Usage

_BYTES = 4  # of a token of English or Python, about, where a provider counts none


def usage_of(messages: Iterable[Message], completion: Completion) -> Usage:
    """What an answer cost as its provider counted it, or else by its bytes."""
    if is_counted(completion) and completion.usage is not None:
        return completion.usage
    return Usage(_estimated(*(each.content for each in messages)), _estimated(completion.text))


def is_counted(completion: Completion) -> bool:
    """Whether its provider counted its tokens; none at all is no count."""
    return completion.usage is not None and completion.usage.completion_tokens > 0


def total(usages: Iterable[Usage]) -> Usage:
    """The sum."""
    found = list(usages)
    return Usage(sum(each.prompt_tokens for each in found), sum(each.completion_tokens for each in found))


def answers_of(attempt: Attempt) -> Usage:
    """What the model read and said; a dialogue reads its own beginning in every turn."""
    turns, trajectory = attempt.trajectory.turns, attempt.trajectory
    before = (replace(trajectory, turns=turns[:number]) for number in range(len(turns)))
    return total(usage_of(each.messages(), turn.completion) for each, turn in zip(before, turns, strict=True))


def cost(attempt: Attempt) -> int:
    """All tokens of an attempt, a critic's too."""
    spent = total((answers_of(attempt), attempt.critic_tokens))
    return spent.prompt_tokens + spent.completion_tokens


def bought(samples: Sequence[Attempt], rival: Attempt) -> int | None:
    """How many of `samples`, from the first on, cost at least as much as `rival` did; None where all cost less.

    One that ended without an answer, of which nobody knows what it cost, counts as an average turn of the rival.
    """
    return _bought(_costs(samples), rival)


def needed(samples: Sequence[Attempt], rivals: Sequence[Attempt]) -> int | None:
    """How many of a task's samples cost as much as each of its rivals, one at least; None where all cost less."""
    if not samples:
        return None
    costs = _costs(samples)
    most = 1
    for each in rivals:
        if (found := _bought(costs, each)) is None:
            return None
        most = max(most, found)
    return most


def _costs(samples: Sequence[Attempt]) -> list[int | None]:
    """None for one of which nobody knows."""
    return [cost(each) if each.trajectory.turns else None for each in samples]


def _bought(costs: Sequence[int | None], rival: Attempt) -> int | None:
    budget = cost(rival)
    share = budget / max(1, len(rival.trajectory.turns))
    spent = 0.0
    for number, each in enumerate(costs, 1):
        spent += share if each is None else each
        if spent >= budget:
            return number
    return None


def enough(samples: Sequence[Attempt], rivals: Sequence[Attempt]) -> bool:
    """Whether the samples of a task have cost as much as each of its rivals."""
    return needed(samples, rivals) is not None


@dataclass
class Metered:
    """A model, and what its answers have cost so far."""

    model: Model
    spent: Usage = field(default_factory=Usage)

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        completion = await self.model.generate(messages, on_text=on_text)
        self.spent = total((self.spent, usage_of(messages, completion)))
        return completion


def _estimated(*texts: str) -> int:
    return -(-sum(len(each.encode("utf-8", "surrogatepass")) for each in texts) // _BYTES)
