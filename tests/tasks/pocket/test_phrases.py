"""What is held out of the phrases is a combination: training says every part of it, and never says it."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.tasks.pocket import benchmark
from ocinterp.tasks.pocket.benchmark import Part, items
from ocinterp.tasks.pocket.catalogue import operations
from ocinterp.tasks.pocket.operations import Operation
from ocinterp.tasks.pocket.phrases import expanded, filled
from ocinterp.tasks.pocket.spoken import VALUE, spoken, whole

OPERATIONS = list(operations().values())
SEEN = [text for each in OPERATIONS for text in (*each.phrases, *spoken().get(each.name, ()))]

alternatives = st.lists(st.text("abc ", min_size=1), min_size=2, max_size=4, unique=True)


def occurs(text: str, where: str) -> bool:
    """Whether a phrase is part of another, as whole words."""
    return text in where and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", where) is not None


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w{}'-]+", text))


def held_out_parts(operation: Operation) -> tuple[str, ...]:
    return operation.wordings.parts[operation.unseen]


def test_no_two_operations_share_a_phrase() -> None:
    owners = Counter(text for each in OPERATIONS for text in (*each.phrases, each.unseen))
    assert [text for text, count in owners.items() if count > 1] == []


def test_what_people_also_say_is_of_operations_that_there_are_and_says_one_of_them() -> None:
    by_name = {each.name: each for each in OPERATIONS}
    assert set(spoken()) <= set(by_name)
    owners: dict[tuple[str, str], set[str]] = {}
    for name, phrases in spoken().items():
        for phrase in phrases:
            owners.setdefault((by_name[name].takes, phrase), set()).add(name)
            assert phrase not in by_name[name].phrases
    for each in OPERATIONS:
        for phrase in (*each.phrases, each.unseen):
            assert owners.get((each.takes, phrase), {each.name}) == {each.name}
    assert [each for each in owners.items() if len(each[1]) > 1] == []


def test_every_meaning_has_the_value_that_a_spoken_phrase_puts_inside() -> None:
    for each in OPERATIONS:
        for phrase in spoken().get(each.name, ()):
            for meaning in each.meanings:
                said = whole(phrase, meaning.said)
                assert "{value}" not in said
                assert meaning.said in said or VALUE.findall(meaning.said)[0] in said


def test_no_unseen_phrase_is_in_one_that_training_has() -> None:
    assert [each.unseen for each in OPERATIONS if any(occurs(each.unseen, text) for text in SEEN)] == []


def test_every_word_of_an_unseen_phrase_is_one_that_training_has() -> None:
    known = {word for text in SEEN for word in words(text)}
    assert {each.name: words(each.unseen) - known for each in OPERATIONS if words(each.unseen) - known} == {}


@pytest.mark.parametrize("operation", OPERATIONS, ids=[each.name.replace(" ", "-") for each in OPERATIONS])
def test_each_part_of_an_unseen_phrase_is_said_with_others_of_the_same_operation(operation: Operation) -> None:
    template, *chosen = held_out_parts(operation)
    said = [operation.wordings.parts[text] for text in operation.phrases]
    akin = [parts[1:] for parts in said if parts[0] == template]
    assert len(akin) >= 3
    assert all(any(each[at] == part for each in akin) for at, part in enumerate(chosen))
    assert sum(len({each[at] for each in akin}) > 1 for at in range(len(chosen))) >= 2


def test_every_wording_of_an_action_or_a_condition_is_held_out_somewhere_and_said_elsewhere() -> None:
    held_out: set[tuple[str, int, str]] = set()
    said: set[tuple[str, int, str]] = set()
    for each in OPERATIONS:
        if held_out_parts(each)[0] == "{those}":
            held_out |= {(each.takes, at, held_out_parts(each)[at]) for at in (1, 2)}
            said |= {(each.takes, at, each.wordings.parts[text][at]) for text in each.phrases for at in (1, 2)}
    assert held_out == said
    assert len(said) > 100


def test_no_request_of_training_says_an_unseen_phrase() -> None:
    unseen = [each for name, each in benchmark.held_out().items() if "/unseen/" in name]
    assert len(unseen) == 300
    said = {text.lower() for item in unseen for text in item.wording.phrases}
    trained = [each.request.lower() for each in islice(items("any", "train", Part(0.5)), 2000)]
    assert [text for text in said if any(occurs(text, asked) for asked in trained)] == []


def test_a_template_says_all_combinations_of_its_alternatives_but_one() -> None:
    found = expanded("sort", ["(sort|order) (the numbers|the list)", "put it in (order|a row)"])
    assert {*found.seen, found.unseen} == {
        "sort the numbers",
        "sort the list",
        "order the numbers",
        "order the list",
        "put it in order",
        "put it in a row",
    }
    assert found.unseen not in found.seen
    assert found.parts[found.unseen][0] == "(sort|order) (the numbers|the list)"
    assert found.parts["order the list"][1:] == ("order", "the list")


def test_a_template_with_one_choice_has_nothing_to_hold_out() -> None:
    with pytest.raises(AssertionError, match="reverse needs two places"):
        expanded("reverse", ["(reverse|turn around) the list"])
    with pytest.raises(AssertionError, match="no alternatives"):
        filled(["keep the {those}"], "those", ["zeros", "digits"], (0, 0))


@given(alternatives, alternatives, st.text())
def test_what_is_held_out_is_one_of_all_combinations(first: list[str], second: list[str], name: str) -> None:
    found = expanded(name, [f"({'|'.join(first)})-({'|'.join(second)})"])
    assert len(found.seen) == len(first) * len(second) - 1
    assert {*found.seen, found.unseen} == {f"{one}-{two}" for one in first for two in second}
    assert {found.parts[text][1] for text in found.seen} == set(first)
    assert {found.parts[text][2] for text in found.seen} == set(second)
