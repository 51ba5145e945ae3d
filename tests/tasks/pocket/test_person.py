"""A person sees which steps of a program are not what they meant, and says what they meant instead."""

from __future__ import annotations

from random import Random

from ocinterp.tasks.pocket import benchmark
from ocinterp.tasks.pocket.person import remark, wrong_steps
from ocinterp.tasks.pocket.programs import Program, steps_named

MEANT = Program(steps_named(("keep even", 0, {}), ("sort", 1, {})), "f", "xs")


def test_a_right_program_has_no_wrong_step() -> None:
    for item in benchmark.held_out().values():
        assert wrong_steps(item.program, item.program.source()) == ()


def test_names_do_not_matter_and_the_order_does() -> None:
    assert wrong_steps(MEANT, MEANT.source().replace("xs", "numbers")) == ()
    turned = MEANT.with_steps(reversed(MEANT.steps))
    assert len(wrong_steps(MEANT, turned.source())) == 1


def test_a_step_that_does_something_else_is_wrong() -> None:
    other = MEANT.with_steps([MEANT.steps[0], MEANT.steps[1].meaning_as(0)])
    assert wrong_steps(MEANT, other.source()) == (1,)
    assert wrong_steps(MEANT, "") == (0, 1)
    assert wrong_steps(MEANT, "def f(xs):\n    return sorted(sorted(xs, reverse=True))") == (0, 1)


def test_what_is_said_settles_what_is_meant() -> None:
    said = remark(MEANT, (1,), Random(0))
    assert "in descending order" in said
    assert "2" in said
    both = remark(MEANT, (0, 1), Random(0))
    assert any(text in both for text in MEANT.steps[0].operation.phrases)
    assert "in descending order" in both


def test_of_right_steps_it_is_the_code_that_is_wrong() -> None:
    assert "code" in remark(MEANT, (), Random(0))


def test_without_an_order_the_first_step_is_said_to_come_first() -> None:
    assert "order" in remark(MEANT, (0,), Random(0), ordered=False)
