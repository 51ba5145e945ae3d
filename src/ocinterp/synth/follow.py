"""Follow-up questions about one problem (paper, section 2.2): the same in another language, or in another way.

The programs are those of the problem's source; each that tests can judge must pass them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Final

from ocinterp.synth.queries import Query, Solution

MOST: Final = 3  # programs of a dialogue
_OTHERS: Final = (
    "Is there another way to do it? Show me one that works by a different idea.",
    "Can you solve it differently, with another time or space complexity?",
    "I would like to see a second approach to the same problem.",
)
_LANGUAGE: Final = (
    "Please give me the same in {language}.",
    "How would that look in {language}?",
    "I need it in {language} as well.",
)


@dataclass(frozen=True, slots=True)
class Followed:
    """A problem, and the programs that answer it one after the other; `asked` are the words before each but the first."""

    query: Query
    solutions: tuple[Solution, ...]
    asked: tuple[str, ...]


def follow_ups(queries: Sequence[Query], seed: str) -> Iterator[Followed]:
    """One dialogue for each problem that has several different programs."""
    for query in queries:
        chance = Random(f"follow {seed} {query.id}")
        chosen = _chosen(query.facts.solutions, chance)
        if len(chosen) > 1:
            yield Followed(query, tuple(chosen), tuple(_words(chosen, chance)))


def different(solutions: Sequence[Solution]) -> list[Solution]:
    """Without empty ones, and one of each text."""
    return list({each.source.strip(): each for each in solutions if each.source.strip()}.values())


def _chosen(solutions: Sequence[Solution], chance: Random) -> list[Solution]:
    """Python first, where there is some; then another of the same language, or other languages by chance."""
    fresh = different(solutions)
    if not fresh:
        return []
    first = next((each for each in fresh if each.language == "python"), fresh[0])
    same = [each for each in fresh if each is not first and each.language == first.language]
    by_language = {each.language: each for each in fresh if each.language != first.language}
    others = [by_language[name] for name in chance.sample(sorted(by_language), min(MOST - 1, len(by_language)))]
    return [first, *same[:1], *others][: chance.randint(2, MOST)]


def _words(chosen: Sequence[Solution], chance: Random) -> Iterator[str]:
    for before, each in pairwise(chosen):
        same = before.language == each.language
        yield (
            chance.choice(_OTHERS)
            if same
            else chance.choice(_LANGUAGE).format(language=NAMES.get(each.language, each.language))
        )


NAMES: Final = {
    "python": "Python", "java": "Java", "cpp": "C++", "c": "C", "go": "Go", "rust": "Rust", "javascript": "JavaScript",
    "typescript": "TypeScript", "csharp": "C#", "ruby": "Ruby", "php": "PHP", "swift": "Swift", "kotlin": "Kotlin", "scala": "Scala",
    "sql": "SQL", "bash": "Bash",
}  # fmt: skip
