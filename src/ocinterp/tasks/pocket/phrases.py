"""The ways to say one thing, of which one is kept from training: a combination whose parts are all said there."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

WHETHER: Final = "(check whether|tell if|find out whether)"  # at the head of a template
_CHOICE: Final = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases that training says, and one that it does not.

    `parts` has for each the template that it is made from, and what was put into each of its places.
    """

    seen: tuple[str, ...]
    unseen: str
    parts: Mapping[str, tuple[str, ...]]


def expanded(name: str, templates: Sequence[str]) -> Phrases:
    """All that `templates` say, with alternatives as in `(sort|order) (the numbers|the list)`, of the operation `name`.

    The one held out is of a template with at least two places that have alternatives: each of them is said with others.
    """
    parts = {text: parts for template in templates for text, parts in _of_template(template).items()}
    wide = {template for template in templates if len(_CHOICE.findall(template)) > 1}
    choice = [text for text, (template, *_) in parts.items() if template in wide]
    assert choice, f"{name} needs two places with alternatives"
    return _parted(parts, choice[stable(name) % len(choice)])


def filled(wordings: Sequence[str], place: str, words: Sequence[str], held_out: tuple[int, int]) -> Phrases:
    """Every wording with each of the words in its `{place}`. `held_out`: which of both, counted around."""
    assert min(len(wordings), len(words)) > 1, f"{wordings} or {words} have no alternatives"
    pairs = product(wordings, words)
    parts = {put(wording, **{place: each}): (f"{{{place}}}", wording, each) for wording, each in pairs}
    first, second = held_out
    return _parted(parts, put(wordings[first % len(wordings)], **{place: words[second % len(words)]}))


def stable(name: str) -> int:
    """A number of 32 bits that looks like chance, and is the same everywhere."""
    return zlib.crc32(name.encode())


def put(text: str, **values: str) -> str:
    """Put some values in, and leave all other braces."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _of_template(template: str) -> dict[str, tuple[str, ...]]:
    texts = _CHOICE.split(template)  # what stands there, and between it the alternatives
    places = [each.split("|") if at % 2 else [each] for at, each in enumerate(texts)]
    return {"".join(chosen): (template, *chosen[1::2]) for chosen in product(*places)}


def _parted(parts: Mapping[str, tuple[str, ...]], unseen: str) -> Phrases:
    return Phrases(tuple(text for text in parts if text != unseen), unseen, parts)
