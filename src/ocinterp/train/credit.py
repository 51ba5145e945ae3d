"""What an answer in a dialogue is worth, and how much more than others of its group.

Each answer has the return of what it led to: the reward of its dialogue, less for every answer more that it took, and less
what was taken from it or from later ones. It is compared with the answers that have the same place in other dialogues about
the same task (GRPO, arXiv 2402.03300, section 4.1), by default without a division by their spread, which would weigh tasks
that are nearly solved or nearly hopeless most (Dr. GRPO, arXiv 2503.20783, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, pstdev

from ocinterp.train.episodes import Episode
from ocinterp.train.recipe import Practice

Values = list[float]  # one for each answer of a dialogue

_LEAST = 1e-4  # under a standard deviation


def returns(episode: Episode, practice: Practice) -> Values:
    """The return of each of a dialogue's own answers.

    The reward is at the end alone, as in RLEF (arXiv 2410.02089, section 2.2), so that an answer whose failure is mended by
    the next is worth more than one that is not, and less than one that was right at once.
    """
    found: Values = []
    worth = float(episode.solved)
    for turn, repeated in zip(reversed(episode.own), reversed(episode.repeats), strict=True):
        worth = worth if not found else practice.discount * worth
        worth -= practice.repeating * repeated
        worth -= practice.cut_off * (turn.completion.finish_reason == "length")
        found.append(worth)
    return found[::-1]


def advantages(group: Sequence[Values], *, spread: bool = False) -> list[Values]:
    """What each return is above the mean of those at its place; 0 for one that is alone there."""
    found = [[0.0] * len(each) for each in group]
    for place in range(max(map(len, group), default=0)):
        those = [number for number, each in enumerate(group) if len(each) > place]
        values = [group[number][place] for number in those]
        if min(values) == max(values):
            continue  # exactly 0, which a mean of equal numbers may miss by a little
        mean, unit = fmean(values), (pstdev(values) + _LEAST) if spread else 1.0
        for number, value in zip(those, values, strict=True):
            found[number][place] = (value - mean) / unit
    return found


def teaches(group: Sequence[Values]) -> bool:
    """Whether advantages of a group differ from 0 anywhere: where all did alike, there is nothing to tell them apart by."""
    return any(any(each) for each in group)
