"""Problems that are alike as turns of one dialogue (paper, section 2.2): those that have rare tags in common.

Nothing is asked of a model but the words before a program, where the source has none: the programs are the source's own,
and each must pass its problem's tests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final

from ocinterp.synth.chance import lot
from ocinterp.synth.queries import Query

FEWEST: Final = 2  # tags in common
_MORE: Final = (1, 2)  # problems that join one


def groups(queries: Sequence[Query], seed: str) -> Iterator[tuple[Query, ...]]:
    """Dialogues of two or three problems each, easier ones first; no problem is in two of them."""
    weights = _weights(queries)
    by_tag: dict[str, list[int]] = {}
    for at, each in enumerate(queries):
        for tag in each.facts.tags:
            by_tag.setdefault(tag, []).append(at)
    used: set[int] = set()
    for at in sorted(range(len(queries)), key=lambda at: lot(queries[at].id, f"similar {seed}")):
        if at in used:
            continue
        near = _near(at, queries, by_tag, weights, used)
        if near:
            chosen = [at, *near[: Random(f"similar {seed} {queries[at].id}").choice(_MORE)]]
            used.update(chosen)
            yield tuple(sorted((queries[each] for each in chosen), key=_ease))


def _weights(queries: Sequence[Query]) -> Mapping[str, float]:
    """How much a tag says: the rarer, the more."""
    counts = Counter(tag for each in queries for tag in set(each.facts.tags))
    return {tag: math.log(1 + len(queries) / count) for tag, count in counts.items()}


def _near(
    at: int, queries: Sequence[Query], by_tag: Mapping[str, Sequence[int]], weights: Mapping[str, float], used: set[int]
) -> list[int]:
    """Those that have the most in common with a problem, of what either has; nearest first."""
    own = set(queries[at].facts.tags)
    common: Counter[int] = Counter()
    for tag in own:
        common.update(other for other in by_tag[tag] if other != at and other not in used)
    found: list[tuple[float, int]] = []
    for other, count in common.items():
        if count >= FEWEST:
            theirs = set(queries[other].facts.tags)
            both = math.fsum(weights[tag] for tag in own & theirs)  # the same in any order, as sets have one by chance
            found.append((-both / math.fsum(weights[tag] for tag in own | theirs), other))
    return [other for _, other in sorted(found)]


def _ease(query: Query) -> int:
    return {"easy": 0, "medium": 1, "hard": 2}.get(query.facts.difficulty.lower(), 1)
