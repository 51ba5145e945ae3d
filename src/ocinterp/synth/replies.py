"""What a model's reply says, where it was asked for a digit or for an object of JSON, whatever it wrote around that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from ocinterp.models.replies import well_formed

_DIGIT: Final = re.compile(r"(?<![\d.])([1-5])(?![\d.]*\d)")
_FIRST: Final = re.compile(r"[\W_]*([1-5])(?![\w.]*\d|[.)]\s)")  # not that of a list
_SCORE: Final = re.compile(r"(?:score|rating|complexity|level)\W{0,12}?([1-5])(?![\d.]*\d)", re.IGNORECASE)
_THOUGHT: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_DECODER: Final = json.JSONDecoder(strict=False)


class NoRowError(Exception):
    """Why nothing can be made of what a model said, in words for the stage's `rejected` file."""


def score(reply: str) -> int | None:
    """The digit from 1 to 5 that a reply gives: as its first word, after one such as score, or anywhere. None where there is none."""
    said = _THOUGHT.sub("", reply)
    found = _FIRST.match(said) or _SCORE.search(said) or _DIGIT.search(said)
    return int(found[1]) if found else None


def objects(reply: str) -> Iterator[Mapping[str, Any]]:
    """The objects of JSON in a reply, whatever stands around them. Half of a pair of surrogates is replaced: no file can have it."""
    said = _THOUGHT.sub("", reply)
    at = said.find("{")
    while at >= 0:
        try:
            value, end = _DECODER.raw_decode(said, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield sound(cast("dict[str, Any]", value))
        at = said.find("{", end)


def sound(value: Any) -> Any:
    """A value of JSON, with every half of a pair of surrogates replaced: no file can have one."""
    return json.loads(well_formed(json.dumps(value, ensure_ascii=False)))


def having(reply: str, *names: str) -> Mapping[str, Any] | None:
    """The first object that has all of these; None where there is none."""
    return next((each for each in objects(reply) if all(name in each for name in names)), None)


def words(value: object) -> str:
    """A value as text: lists are joined, nothing is empty."""
    if isinstance(value, list):
        return "; ".join(filter(None, map(words, cast("list[object]", value))))
    return "" if value is None else value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
