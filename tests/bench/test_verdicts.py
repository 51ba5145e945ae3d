"""What the journal keeps of a judgement is what it said, and none is kept of a sandbox that failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.bench import verdicts
from ocinterp.errors import SandboxError
from ocinterp.types import Status, Verdict
from ocinterp.verifiers.judge import Failure, Judgement, Tally

failures = st.builds(Failure, st.integers(0, 9), st.sampled_from(Status), st.text())
tallies = st.builds(Tally, st.integers(0, 9), st.integers(0, 9), st.none() | failures)
judgements = st.builds(Judgement, tallies, st.none() | tallies)


def kept(tally: Tally) -> Verdict:
    failure = tally.failure
    words = failure.detail if failure else ""
    if failure and failure.status is not Status.SANDBOX_FAILURE:  # which concerns no one test
        words = f"test {failure.number}: {words}"
    written = words.encode("utf-8", "backslashreplace").decode()
    return Verdict(tally.passed, tally.total, tally.status, written)


@given(judgements, judgements)
def test_verdicts_come_back_as_they_were_judged(first: Judgement, second: Judgement) -> None:
    found = verdicts.loads(verdicts.dumps({"evalplus-0.3": first, "strict": second}))
    assert found == {"evalplus-0.3": tuple(map(kept, first.sets)), "strict": tuple(map(kept, second.sets))}


def test_a_sandbox_that_failed_on_any_set_leaves_no_verdict() -> None:
    good, bad = Tally(1, 1), Tally(0, 1, Failure(0, Status.SANDBOX_FAILURE, "no more processes"))
    verdicts.check([Judgement(good, Tally(0, 1, Failure(0, Status.WRONG, "wrong value")))])
    for judgement in (Judgement(bad), Judgement(good, bad)):
        with pytest.raises(SandboxError, match="no more processes"):
            verdicts.check([Judgement(good), judgement])
