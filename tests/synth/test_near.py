"""Copies and near copies are found and grouped under the first of them, and nothing else is."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.synth import near
from ocinterp.synth.grams import Grammar

WORDS = [f"w{number}" for number in range(400)]


def text(chance: Random, length: int = 100) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(length))


def changed(words: str, chance: Random, count: int) -> str:
    """With so many words replaced, one after the other, so that few runs are lost."""
    found = words.split()
    start = chance.randrange(len(found) - count)
    found[start : start + count] = [f"new{each}" for each in range(count)]
    return " ".join(found)


def shingles(words: str) -> set[tuple[str, ...]]:
    found = words.lower().split()
    return {tuple(found[at : at + near.WORDS]) for at in range(len(found) - near.WORDS + 1)}


def test_copies_are_those_with_the_same_words_whatever_the_blanks_and_capitals() -> None:
    found = near.duplicates(["Sum the list.", "other", "sum  THE\nlist.", "sum the list", ""])
    assert found.group.tolist()[:3] == [0, 1, 0]
    assert found.exact.tolist() == [False, False, True, False, False]


def test_near_copies_are_found_and_others_are_not() -> None:
    chance = Random(1)
    texts = [text(chance) for _ in range(300)]
    copies = [changed(each, chance, 5) for each in texts[:150]]  # of 96 runs 87 are left: 0.83 of those in either
    far = [changed(each, chance, 40) for each in texts[150:]]  # 0.39
    found = near.duplicates([*texts, *copies, *far])
    assert found.group[300:450].tolist() == list(range(150))
    assert found.kept[:300].all()
    assert found.kept[450:].all()
    assert not found.exact.any()


def test_nearly_all_pairs_above_the_bound_are_found() -> None:
    chance = Random(2)
    texts = [text(chance) for _ in range(400)]
    copies = [changed(each, chance, 12) for each in texts]
    found = near.duplicates([*texts, *copies], near=0.7)
    true = [len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b)) for a, b in zip(texts, copies, strict=True)]
    above = [at for at, each in enumerate(true) if each >= 0.7]
    recalled = sum(found.group[400 + at] == at for at in above)
    assert len(above) > 300
    assert recalled / len(above) > 0.95
    assert all(found.group[400 + at] in (at, 400 + at) for at in range(400))


def test_a_chain_of_near_copies_is_one_group_under_its_first() -> None:
    chance = Random(3)
    texts = [text(chance)]
    for _ in range(6):
        texts.append(changed(texts[-1], chance, 4))
    found = near.duplicates([text(chance), *texts, texts[3].upper()])
    assert found.group.tolist() == [0, *[1] * 8]


def test_texts_without_words_are_not_near_each_other() -> None:
    assert near.duplicates(["!!!", "???", "..."]).group.tolist() == [0, 1, 2]
    assert near.duplicates([]).group.tolist() == []


def test_short_texts_are_near_only_where_they_are_the_same() -> None:
    assert near.duplicates(["sort it", "sort it now", "sort, it!"]).group.tolist() == [0, 1, 0]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=12), max_size=6), st.integers(1, 9))
def test_runs_are_equal_where_their_words_are(texts: list[list[str]], size: int) -> None:
    grams = Grammar(size).grams([" ".join(each) for each in texts])
    seen: dict[int, tuple[str, ...]] = {}
    for at, words in enumerate(texts):
        expected = (
            [tuple(words[start : start + size]) for start in range(max(1, len(words) - size + 1))] if words else []
        )
        numbers = grams.of(at).tolist()
        assert len(numbers) == len(expected)
        for number, run in zip(numbers, expected, strict=True):
            assert seen.setdefault(number, run) == run
    assert len(set(seen.values())) == len(seen)


def test_what_two_sets_have_in_common() -> None:
    assert near.jaccard(np.array([1, 2, 3], np.uint32), np.array([2, 3, 4], np.uint32)) == pytest.approx(0.5)
    assert near.jaccard(np.array([], np.uint32), np.array([], np.uint32)) == 0
