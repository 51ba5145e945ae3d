"""What stages share: when a server that takes no requests ends a run, and when rows are to blame."""

from __future__ import annotations

from collections.abc import Container

import pytest

from ocinterp.models.refusals import REFUSED_TOGETHER, RequestRefused
from ocinterp.synth.desk import Refusals

ERROR = RequestRefused("refused (400)")


def outcome(refused: Container[int], rows: int) -> str:
    """How a stage ends of whose rows some are refused."""
    heard = Refusals()
    for row in range(rows):
        try:
            heard.hear(ERROR if row in refused else None)
        except RequestRefused:
            return f"at row {row}"
    try:
        heard.end()
    except RequestRefused:
        return "at the end"
    return "done"


@pytest.mark.parametrize(
    ("refused", "rows", "expected"),
    [
        ((), 0, "done"), ((), 3, "done"), ((0, 1), 40, "done"), ((38, 39), 40, "done"),
        (range(5, 4 + REFUSED_TOGETHER), 100, "done"), (range(100 - REFUSED_TOGETHER + 1, 100), 100, "done"),
        (range(5, 5 + REFUSED_TOGETHER), 100, f"at row {4 + REFUSED_TOGETHER}"),
        ((0,), 1, "done"),  # one alone says nothing of others
        ((0, 1), 2, "at the end"), (range(20), 20, "at the end"), (range(1, 20), 20, "done"),
    ],
)  # fmt: skip
def test_a_few_refusals_are_of_their_rows_and_all_of_them_are_the_servers(
    refused: Container[int], rows: int, expected: str
) -> None:
    assert outcome(refused, rows) == expected
