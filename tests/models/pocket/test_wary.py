"""A pocket model that says which requests are foreign to it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
import pytest

from models.pocket import tiny
from ocinterp.models import inprocess
from ocinterp.models.batched import Batched
from ocinterp.models.pocket import wary
from ocinterp.models.pocket.llama import Cache, Span
from ocinterp.models.refusals import ContextOverflow
from ocinterp.models.resolve import InProcess
from ocinterp.types import Message

HELLO = Message("user", "hello(there)")


def talking(
    folder: Path, monkeypatch: pytest.MonkeyPatch, notices: list[str], limit: float = 0.0
) -> AbstractAsyncContextManager[Batched | wary.Wary]:
    """A tiny model that says little, to which requests above `limit` are foreign."""
    monkeypatch.setattr(wary, "FOREIGN", limit)
    monkeypatch.setattr(inprocess, "_MOST_TOKENS", 5)
    place = str(tiny.write(folder / "model"))
    return inprocess.load_to_talk(InProcess("pocket", place, "tiny"), notices.append)


def test_surprise_is_what_each_token_would_be_after_those_before_it() -> None:
    llama, ids = tiny.model(), [3, 50, 7, 7, 301]
    each: list[float] = []
    for end in range(1, len(ids)):
        (logits,) = llama.forward([Span(0, 0, ids[:end])], Cache(llama.config, 1, end))
        likely = np.exp(logits - logits.max())
        each.append(-float(np.log(likely[ids[end]] / likely.sum())))
    assert wary.surprise(llama, ids) == pytest.approx(sum(each) / len(each), rel=1e-4)


def test_a_text_of_one_token_surprises_nobody() -> None:
    assert wary.surprise(tiny.model(), [3]) == wary.surprise(tiny.model(), []) == 0


async def test_others_know_the_same_and_say_it_no_second_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notices: list[str] = []
    async with talking(tmp_path, monkeypatch, notices) as model:
        said = [(await each.generate([Message("user", "count it")])).text for each in [model, *model.others()]]
    assert len(set(said)) > 1
    assert len(notices) == 1


@pytest.mark.parametrize(("limit", "notices"), [(0.0, 2), (1e9, 0)])
async def test_each_foreign_request_is_spoken_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float, notices: int
) -> None:
    said: list[str] = []
    async with talking(tmp_path, monkeypatch, said, limit) as model:
        first = await model.generate([HELLO])
        await model.generate([HELLO, Message("assistant", first.text), Message("user", "no")])
        await model.generate([Message("system", "s"), Message("user", "another(x)")])
    assert len(said) == notices
    assert all("its answer is a guess" in each for each in said)


async def test_a_request_longer_than_the_model_reads_is_judged_by_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wary, "FOREIGN", 0.0)
    place = str(tiny.write(tmp_path / "model"))
    said: list[str] = []
    async with inprocess.load_to_talk(InProcess("pocket", place, "tiny"), said.append) as model:
        with pytest.raises(ContextOverflow):
            await model.generate([Message("user", "f(x) " + "long " * 200)])
    assert len(said) == 1


async def test_what_the_system_says_alone_is_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    async with talking(tmp_path, monkeypatch, said) as model:
        await model.generate([Message("system", "You are a computer.")])
    assert said == []
