"""A token for each sequence: the likeliest, or one that is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocinterp.models.engine import Strand
from ocinterp.models.pocket.weights import Array


def chosen(logits: Array, strands: Sequence[Strand]) -> tuple[Array, Array]:
    """A token for each row of `logits`, and its log-probability at the strand's temperature (at 0: of the model itself)."""
    warm = [row for row, each in enumerate(strands) if each.sampling.temperature]
    if warm:
        logits = logits / np.array([each.sampling.temperature or 1 for each in strands], np.float32)[:, None]
    logs = logits - np.maximum.reduce(logits, axis=-1, keepdims=True)
    logs -= np.log(np.add.reduce(np.exp(logs), axis=-1, keepdims=True))
    numbers = logs.argmax(axis=-1)
    if warm:
        draws = np.array([strands[row].draw() for row in warm])[:, None]
        sums = np.cumsum(np.exp(logs[warm]), axis=-1, dtype=np.float64)
        numbers[warm] = (sums < draws * sums[:, -1:]).sum(axis=-1)
    return numbers, logs[np.arange(len(numbers)), numbers]
