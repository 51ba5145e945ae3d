"""What is said of a stage while it goes on, where there is no terminal."""

from __future__ import annotations

import pytest

from ocinterp.cli.watching import Told
from ocinterp.journal import UNLIMITED, Cost


def test_how_fast_a_stage_is_is_told_of_the_last_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that goes on has its first rows from the journal in a moment; those tell nothing of the others."""
    now = 0.0
    with Told(Cost, UNLIMITED, lambda: now) as told:
        told.begin("simulation", 1100)
        for _ in range(1000):
            now += 0.001
            told.row(made=True)
        for _ in range(60):
            now += 2.0
            told.row(made=True)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "ocinterp: simulation (1,100 rows go in)"
    assert said[-1] == "ocinterp: simulation: 1,060 of 1,100, 0.5 rows/s, 80 s left"


def test_rows_that_come_seldom_are_told_of_as_such_after_a_minute_or_two(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with Told(Cost, UNLIMITED, lambda: now) as told:
        told.begin("judge", 1100)
        for _ in range(1000):
            now += 0.001
            told.row(made=True)
        for _ in range(6):
            now += 20.0
            told.row(made=True)
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith("ocinterp: judge: 1,006 of 1,100, 0.1 rows/s, 0:31:20 left")
    )
