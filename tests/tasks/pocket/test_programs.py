"""Operations do what their code says, programs are what their steps are, and nothing held out is in training."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import combinations, islice, pairwise, product
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.tasks.pocket import asking, benchmark
from ocinterp.tasks.pocket.benchmark import PARTS, Item, Part, items
from ocinterp.tasks.pocket.catalogue import operations
from ocinterp.tasks.pocket.examples import answered, examples, value
from ocinterp.tasks.pocket.names import renamed
from ocinterp.tasks.pocket.operations import Kind, Operation
from ocinterp.tasks.pocket.programs import Program, Step, is_held_out, sample, step, steps_named
from ocinterp.tasks.pocket.wording import described, phrase, request

OPERATIONS = list(operations().values())
TYPES: dict[Kind, type] = {"numbers": list, "text": str, "number": int, "words": list, "table": dict, "truth": bool}
seeds = st.integers(0, 10**9)


def called(program: Program, given: Any) -> Any:
    namespace: dict[str, Any] = {}
    exec(program.source(), namespace)
    return namespace[program.function](given.copy() if isinstance(given, list | dict) else given)


def test_there_are_several_hundred_operations_and_many_can_be_misread() -> None:
    assert len(OPERATIONS) >= 300
    assert sum(len(each.meanings) > 1 for each in OPERATIONS) >= 100
    assert all(len({one.said for one in each.meanings}) == len(each.meanings) for each in OPERATIONS)
    assert all(one.said for each in OPERATIONS if len(each.meanings) > 1 for one in each.meanings)


@pytest.mark.parametrize("operation", OPERATIONS, ids=[each.name.replace(" ", "-") for each in OPERATIONS])
def test_an_operation_takes_and_gives_what_it_says_and_its_meanings_differ(operation: Operation) -> None:
    chance = Random(operation.name)
    made = step(chance, operation)
    programs = [Program((made.meaning_as(number),), "f", "x") for number in range(len(operation.meanings))]
    together = set(combinations(range(len(programs)), 2))  # meanings that have answered everything alike so far
    for tried in range(20_000):
        if tried > 20 and not together:
            break
        found = [answered(each, value(chance, operation.takes)) for each in programs[:1]]
        if found[0] is None:
            continue
        given = found[0].given
        found += [answered(each, given) for each in programs[1:]]
        answers = [repr(each.answer) if each else "" for each in found]
        together = {(one, two) for one, two in together if answers[one] == answers[two]}
        for program, each in zip(programs, found, strict=True):
            if each is not None and tried < 100:
                assert each.answer is None or type(each.answer) is TYPES[operation.gives]
                assert repr(called(program, given)) == repr(each.answer)
    assert not together


@given(seeds, st.sampled_from(["train", "held-out"]))
def test_the_source_of_a_program_answers_as_its_steps_do(seed: int, split: Any) -> None:
    chance = Random(seed)
    program = sample(chance, split)
    ast.parse(program.source())
    for _ in range(5):
        example = answered(program, value(chance, program.takes))
        if example is not None:
            assert repr(called(program, example.given)) == repr(example.answer)


@given(seeds)
def test_no_pair_that_is_held_out_is_in_training(seed: int) -> None:
    steps = sample(Random(seed), "train").steps
    assert not any(is_held_out(one.operation, two.operation) for one, two in pairwise(steps))


@given(seeds)
def test_every_held_out_program_has_a_pair_that_is(seed: int) -> None:
    steps = sample(Random(seed), "held-out").steps
    assert any(is_held_out(one.operation, two.operation) for one, two in pairwise(steps))


def test_no_two_operations_are_the_same_code() -> None:
    names: dict[tuple[str, ...], set[str]] = {}
    for operation in OPERATIONS:
        for values in product(*operation.parameters.values()):
            made = Step(operation, 0, dict(zip(operation.parameters, values, strict=True)))
            for meaning in operation.meanings:
                names.setdefault((operation.takes, operation.gives, made.text(meaning.code)), set()).add(operation.name)
    assert not [each for each in names.values() if len(each) > 1]


def test_phrases_and_code_name_no_parameter_that_is_not_there() -> None:
    for operation in OPERATIONS:
        made = step(Random(0), operation)
        for text in (*operation.phrases, operation.unseen, *(one.said for one in operation.meanings)):
            assert "{" not in made.text(text), text


def test_a_program_reads_like_one_that_a_person_wrote() -> None:
    steps = steps_named(("keep even", 0, {}), ("product", 0, {}), ("add of number", 2, {}))
    assert Program(steps, "solve", "xs").source() == (
        "import math\n\n"
        "def solve(xs):\n"
        "    xs = [v for v in xs if v % 2 == 0]\n"
        "    total = math.prod(xs)\n"
        "    return total + 3"
    )


@given(seeds)
def test_a_program_of_other_names_answers_the_same(seed: int) -> None:
    chance = Random(seed)
    program = sample(chance, "train")
    named = renamed(program, chance)
    assert named.plain == program.plain
    assert named.function != named.argument
    for _ in range(5):
        example = answered(program, value(chance, program.takes))
        if example is not None:
            assert repr(called(named, example.given)) == repr(example.answer)


def test_names_are_nearly_always_others() -> None:
    chance = Random(0)
    program = Program(steps_named(("sort", 1, {})), "f", "xs")
    found = {renamed(program, chance).function for _ in range(1000)}
    assert len(found) > 200
    assert "f" in found


def test_what_settles_a_meaning_is_said_or_left_open() -> None:
    (made,) = steps_named(("sort", 1, {}))
    assert phrase(made, Random(0), settle=True).endswith(" in descending order")
    assert phrase(made, Random(0), settle=False) in made.operation.phrases
    assert phrase(made, Random(0), settle=False, unseen=True) == made.operation.unseen
    program = Program((made,), "f", "xs")
    assert described(program, Random(0), open_share=0).open_steps == ()
    assert described(program, Random(0), open_share=1).open_steps == (0,)


@given(seeds)
def test_a_request_names_the_function_and_says_every_step(seed: int) -> None:
    chance = Random(seed)
    training = chance.random() < 0.5
    program = sample(chance, "train")
    wording = described(program, chance, open_share=0.5, training=training)
    asked = request(program, wording, chance, training=training)
    assert f"{program.function}({program.argument})" in asked
    assert all(each[1:] in asked for each in wording.phrases)
    assert "{" not in asked.replace("{}", "")


@given(seeds)
def test_training_also_asks_as_people_do_and_says_every_step(seed: int) -> None:
    chance = Random(seed)
    how = asking.naming(chance)
    program = asking.named(sample(chance, "train"), how)
    wording = described(program, chance, open_share=0.5, training=True)
    asked = asking.ask(program, wording, chance, how)
    assert (program.function == "solve") or program.function in asked
    assert (f"{program.function}({program.argument})" in asked) == (how == "head")
    for each in wording.phrases:
        assert each[1:] in asked or asking.third_person(each)[1:] in asked
    assert "{" not in asked.replace("{}", "")


def test_a_request_without_a_name_is_answered_by_names_that_go_without_saying() -> None:
    made = [
        each
        for each in islice(items("plain", "train", Part(0.0, natural=0.5)), 400)
        if each.program.function not in each.request
    ]
    assert 80 < len(made) < 160
    assert {each.program.function for each in made} == {"solve"}
    assert {each.program.argument for each in made} == {"numbers", "text", "number", "words", "table"}


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("keep the even numbers", "keeps the even numbers"),
        ("multiply them by 3", "multiplies them by 3"),
        ("divide it by 2 and round down", "divides it by 2 and rounds down"),
        ("spell it backwards", "spells it backwards"),
    ],
)
def test_a_step_in_the_third_person(phrase: str, said: str) -> None:
    assert asking.third_person(phrase) == said


@given(seeds)
def test_visible_examples_tell_the_meanings_apart_where_inputs_can(seed: int) -> None:
    chance = Random(seed)
    (made,) = steps_named(("sort", chance.randrange(3), {}))
    found = examples(Program((made,), "f", "xs"), chance)
    if found is None:
        return
    for other in range(3):
        if other != made.meaning:
            program = Program((made.meaning_as(other),), "f", "xs")
            shown, hidden = (
                any(repr(program.answer(each.given)) != repr(each.answer) for each in part)
                for part in (found.visible, found.hidden)
            )
            assert shown or not hidden


def test_the_benchmark_has_equal_parts_and_no_program_twice() -> None:
    found = benchmark.held_out()
    assert Counter(name.split("/")[1] for name in found) == dict.fromkeys(PARTS, 300)
    assert len({each.program.plain for each in found.values()}) == 1200
    assert not any(
        each.wording.open_steps for name, each in found.items() if "/open/" not in name and "/half/" not in name
    )


def test_the_benchmark_is_the_same_everywhere() -> None:
    assert benchmark.benchmark().md5 == "b02b1805880ed8158743f9c50ada2170"


def test_a_guess_of_the_usual_meaning_is_right_as_often_as_it_is_meant() -> None:
    def ceiling(part: str) -> float:
        found: list[Item] = [each for name, each in benchmark.held_out().items() if f"/{part}/" in name]
        return sum(each.guessable for each in found) / len(found)

    assert ceiling("explicit") == ceiling("unseen") == 1
    assert 0.6 < ceiling("open") < ceiling("half") < 0.95
