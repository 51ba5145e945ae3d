"""Lots are the same whatever else there is."""

from __future__ import annotations

from ocinterp.synth.chance import by_lot


def test_a_question_that_is_added_changes_the_lot_of_no_other() -> None:
    names = [f"q{at}" for at in range(50)]
    before = by_lot(names, "1")
    assert sorted(before) == sorted(names)
    assert before != names
    assert [each for each in by_lot([*names, "new"], "1") if each != "new"] == before
    assert by_lot(names, "2") != before
