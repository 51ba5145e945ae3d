"""Neighbours are the nearest there are, packs are made of them, and no question is in two packs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.synth import neighbours, pack, vectors
from ocinterp.synth.neighbours import Nearest, nearest
from ocinterp.synth.pack import Rule, packs

TOPICS = ("sort a list of numbers by size", "read a file and count its lines", "parse a date with a time zone")


def unit(size: int, width: int = 16, seed: int = 1) -> vectors.Vectors:
    found = np.random.default_rng(seed).normal(size=(size, width)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize(("size", "count"), [(1, 4), (3, 4), (300, 4), (1500, 16)])
def test_neighbours_are_those_of_all_products(size: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_ROWS", 100)
    monkeypatch.setattr(neighbours, "_COLUMNS", 256)
    given_vectors = unit(size)
    found = nearest(given_vectors, count)
    products = given_vectors @ given_vectors.T
    np.fill_diagonal(products, -np.inf)
    expected = -np.sort(-products, axis=1)[:, :count]
    there = found.products[:, : expected.shape[1]]
    np.testing.assert_allclose(there, expected, atol=1e-5)
    for at, row in enumerate(found.numbers):
        known = row[row >= 0]
        assert at not in known
        assert len(set(known.tolist())) == len(known) == min(count, size - 1)
        np.testing.assert_allclose(products[at, known], found.products[at, : len(known)], atol=1e-5)


def test_equal_vectors_are_neighbours_of_each_other() -> None:
    found = nearest(np.tile(unit(1), (50, 1)), 8)
    assert (found.numbers >= 0).all()
    np.testing.assert_allclose(found.products, 1, atol=1e-5)


def test_texts_about_the_same_are_near() -> None:
    texts = [
        f"{topic} in the program called {name}" for topic in TOPICS for name in ("alpha", "beta", "gamma", "delta")
    ]
    found = nearest(vectors.of(texts), 3)
    assert all(number // 4 == at // 4 for at, row in enumerate(found.numbers) for number in row)


def test_vectors_have_length_one_or_nothing_and_are_the_same_again() -> None:
    texts = ["sort it", "!!!", "", "sort it now", "sort them", "now"]
    found = vectors.of(texts)
    lengths = np.linalg.norm(found, axis=1)
    assert all(each in (0, pytest.approx(1)) for each in lengths)
    assert lengths[1] == lengths[2] == 0
    np.testing.assert_array_equal(found, vectors.of(texts))


@given(st.integers(0, 60), st.sampled_from(["free", "paper"]), st.integers(0, 5))
def test_no_question_is_in_two_packs_and_each_has_two_or_three_more(size: int, rule: Rule, seed: int) -> None:
    found = (
        nearest(unit(size, 4), pack.WIDE)
        if size
        else Nearest(np.zeros((0, 16), np.int64), np.zeros((0, 16), np.float32))
    )
    made = list(packs(found, str(seed), rule))
    questions = [each for one in made for each in one.questions]
    assert len(questions) == len(set(questions))
    assert all(len(each.questions) in (3, 4) for each in made)
    assert all(each.products == tuple(sorted(each.products, reverse=True)) for each in made if rule == "free")
    assert made == list(packs(found, str(seed), rule))


def test_our_rule_makes_more_packs_of_the_same_questions() -> None:
    found = nearest(unit(3000, 24), pack.WIDE)
    papers, ours = (len(list(packs(found, "1", rule))) / 3000 for rule in ("paper", "free"))
    assert 0.13 < papers < 0.2  # the paper made 16.6 thousand of 105: 0.158
    assert ours > 1.4 * 0.158


def test_questions_that_are_too_far_apart_are_not_packed() -> None:
    found = nearest(unit(200), pack.WIDE)
    assert list(packs(found, "1", least=1.1)) == []
    assert all(min(each.products) >= 0.4 for each in packs(found, "1", least=0.4))


def test_of_no_questions_there_are_no_packs() -> None:
    assert list(packs(nearest(vectors.of([]), pack.WIDE), "seed")) == []
