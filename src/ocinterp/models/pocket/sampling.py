"""Answers of a model, token by token: greedy or sampled, for one dialogue or many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ocinterp.models.pocket.llama import Cache, Llama
from ocinterp.models.pocket.weights import Array
from ocinterp.protocols import ignore


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. Temperature 0 takes the likeliest; `seed` makes a draw repeatable."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int = 0


@dataclass(slots=True)
class Sampled:
    """The ids of an answer without its end, their log-probabilities, and whether it came to its end."""

    ids: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    ended: bool = False


def sample(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    ends: frozenset[int],
    sampling: Sampling,
    *,
    on_token: Callable[[int, int], None] = lambda at, number: ignore((at, number)),
) -> list[Sampled]:
    """One answer to each prompt. `on_token` hears of each token, with the number of its prompt.

    An answer is cut off where the model's positions end. A prompt must leave room for at least one token.
    """
    found = [Sampled() for _ in prompts]
    longest = max(map(len, prompts))
    room = min(sampling.max_tokens, model.config.max_position_embeddings - longest)
    chances = [np.random.default_rng([sampling.seed, at]) for at in range(len(prompts))]
    cache = Cache(model.config, len(prompts), longest + room)
    starts = [longest - len(prompt) for prompt in prompts]
    alive = list(range(len(prompts)))
    step = [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    for _ in range(room):
        logits = model.forward(step, cache, starts, last=True)[:, -1]
        chosen, logprobs = _chosen(logits, sampling.temperature, [chances[at] for at in alive])
        going: list[int] = []
        for row, at in enumerate(alive):
            number = int(chosen[row])
            if number in ends:
                found[at].ended = True
                continue
            found[at].ids.append(number)
            found[at].logprobs.append(float(logprobs[row]))
            on_token(at, number)
            going.append(row)
        if not going:
            break
        if len(going) < len(alive):
            cache.only(going)
            alive, starts = [alive[row] for row in going], [starts[row] for row in going]
        step = [[int(chosen[row])] for row in going]
    return found


def _chosen(logits: Array, temperature: float, chances: Sequence[np.random.Generator]) -> tuple[Array, Array]:
    """A token for each row, and its log-probability at that temperature (at 0: of the model itself)."""
    scaled = logits / temperature if temperature else logits
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    logs = scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))
    if temperature:
        draws = np.array([chance.random() for chance in chances])[:, None]
        numbers = np.minimum((np.cumsum(np.exp(logs), axis=-1) < draws).sum(axis=-1), logits.shape[-1] - 1)
    else:
        numbers = logs.argmax(axis=-1)
    return numbers, np.take_along_axis(logs, numbers[:, None], axis=-1)[:, 0]
