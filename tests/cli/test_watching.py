"""What is said of a stage while it goes on, where there is no terminal."""

from __future__ import annotations

import pytest

from ocinterp.cli.watching import Told
from ocinterp.journal import UNLIMITED, Cost


@pytest.mark.parametrize(
    ("seconds", "rows", "said"),
    [(2.0, 60, "1,060 of 1,100, 0.5 rows/s, 80 s left"), (20.0, 6, "1,006 of 1,100, 0.1 rows/s, 0:31:20 left")],
)
def test_how_fast_a_stage_is_is_told_of_the_last_minute(
    capsys: pytest.CaptureFixture[str], seconds: float, rows: int, said: str
) -> None:
    """A run that goes on has its first rows from the journal in a moment; those tell nothing of the others."""
    now = 0.0
    with Told(Cost, UNLIMITED, lambda: now) as told:
        told.begin("simulation", 1100)
        for number in range(1000 + rows):
            now += 0.001 if number < 1000 else seconds
            told.row(made=True)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "ocinterp: simulation (1,100 rows go in)"
    assert last == f"ocinterp: simulation: {said}"
