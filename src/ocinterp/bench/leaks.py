"""How much of a solution is in words that were to leave it out."""

from __future__ import annotations

import re

NGRAM = 8  # tokens of code; shorter runs are common to many programs
_TOKEN = re.compile(r"\w+|[^\w\s]")


def leaks(solution: str, said: str, *known: str) -> int:
    """How many runs of 8 tokens of `solution` stand in `said`, without those that are in one of the `known` texts.

    What the task or the programmer's own program has is no secret. Blanks do not count.
    """
    secret = _ngrams(solution).difference(*map(_ngrams, known))
    return len(secret & _ngrams(said))


def _ngrams(text: str) -> set[tuple[str, ...]]:
    tokens = _TOKEN.findall(text)
    return {tuple(tokens[start : start + NGRAM]) for start in range(len(tokens) - NGRAM + 1)}
