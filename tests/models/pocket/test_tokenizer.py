"""The tokenizer merges as BPE does, gives every text back, and takes no text for a role."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pocket.tiny import ROLES, tokenizer, tokenizer_json
from ocinterp.errors import DataError
from ocinterp.models.pocket.tokenizer import Tokenizer

TOKENIZER = tokenizer()
codes = st.text(st.sampled_from("retuin  \n\t()[]=0123abcé€🙂<|>"), max_size=40)


@given(st.text(st.characters(exclude_categories=["Cs"])) | codes)
def test_a_text_comes_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(codes)
def test_a_text_comes_back_piece_by_piece(text: str) -> None:
    decoder = TOKENIZER.stream()
    assert "".join(decoder.add(number) for number in TOKENIZER.encode(text)) + decoder.end() == text


def naive(symbols: list[str], merges: list[tuple[str, str]]) -> list[str]:
    """BPE as it is defined: the earliest merge that fits, at its leftmost place, until none does."""
    while True:
        pairs = list(itertools.pairwise(symbols))
        ranked = [(merges.index(pair), at) for at, pair in enumerate(pairs) if pair in merges]
        if not ranked:
            return symbols
        _, at = min(ranked)
        symbols = [*symbols[:at], symbols[at] + symbols[at + 1], *symbols[at + 2 :]]


@given(
    st.text("abc", min_size=1, max_size=25),
    st.lists(st.tuples(*[st.text("abc", min_size=1, max_size=3)] * 2), max_size=12, unique=True),
)
def test_merges_are_made_in_their_order(text: str, merges: list[tuple[str, str]]) -> None:
    known = {"a", "b", "c"}
    usable: list[tuple[str, str]] = []
    for one, two in merges:
        if one in known and two in known:
            usable.append((one, two))
            known.add(one + two)
    made = Tokenizer.loads(tokenizer_json(tuple(usable)))
    vocabulary = json.loads(tokenizer_json(tuple(usable)))["model"]["vocab"]
    assert made.encode(text) == [vocabulary[symbol] for symbol in naive(list(text), usable)]


def test_words_take_the_space_before_them_and_digits_stand_alone() -> None:
    found = TOKENIZER.encode("return in 12")
    pieces = [TOKENIZER.decode([number]) for number in found]
    assert pieces == ["retu", "r", "n", " in", " ", "1", "2"]


def test_a_role_in_a_text_is_text() -> None:
    for role in ROLES:
        assert not set(TOKENIZER.encode(f"a {role} b")) & set(TOKENIZER.special.values())
        assert TOKENIZER.decode(TOKENIZER.encode(role)) == role
        assert TOKENIZER.decode([TOKENIZER.special[role]]) == ""


def test_what_is_no_unicode_is_replaced() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("a\ud800b")) == "a?b"
    assert TOKENIZER.decode([TOKENIZER.encode("é")[0]]) == "\N{REPLACEMENT CHARACTER}"


def test_a_long_text_is_read_as_fast_as_a_short_one_a_piece() -> None:
    text = "et" * 50_000
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no tokenizer.json"),
        ("{}", "no tokenizer.json"),
        (tokenizer_json().replace('"BPE"', '"Unigram"'), "of type Unigram"),
        (tokenizer_json().replace("A-Z", "A-Y"), "splits otherwise"),
    ],
)
def test_another_kind_of_tokenizer_is_refused(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Tokenizer.loads(text)
