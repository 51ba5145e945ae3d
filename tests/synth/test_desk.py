"""What stages share: when a server that takes no requests ends a run, and when rows are to blame."""

from __future__ import annotations

import pytest

from ocinterp.models.refusals import RequestRefused
from ocinterp.synth.desk import REFUSED_TOGETHER, Refusals

ERROR = RequestRefused("refused (400)")


def test_a_few_refusals_are_of_their_rows_wherever_they_come() -> None:
    for refused in ({0, 1}, {38, 39}, set(range(5, 5 + REFUSED_TOGETHER - 1))):
        heard = Refusals()
        for row in range(100 if len(refused) > 2 else 40):
            heard.hear(ERROR if row in refused else None)
        heard.end()


def test_many_one_after_the_other_are_the_servers_and_so_are_all_of_several() -> None:
    heard = Refusals()
    heard.hear(None)
    for _ in range(REFUSED_TOGETHER - 1):
        heard.hear(ERROR)
    with pytest.raises(RequestRefused):
        heard.hear(ERROR)
    few = Refusals()
    few.end()
    few.hear(ERROR)
    few.end()  # one alone says nothing of others
    few.hear(ERROR)
    with pytest.raises(RequestRefused):
        few.end()
