"""The loss of a batch: cross-entropy of the next token, weighted, where there is a weight at all."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from ocinterp.train.batches import Batch


def summed(model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of weighted losses (nats), which has a gradient, and the sum of the weights.

    `model` is a causal language model of transformers. Rows of a pack are kept apart by their places alone: no mask is
    given, or attention would cross from row to row. Logits are computed only where something is learnt.
    """
    hidden = model.base_model(input_ids=batch.ids, position_ids=batch.places, use_cache=False).last_hidden_state
    weights = batch.weights[:, 1:].reshape(-1)
    learnt = weights > 0
    found = model.get_output_embeddings()(hidden[:, :-1].reshape(-1, hidden.shape[-1])[learnt])
    targets = batch.ids[:, 1:].reshape(-1)[learnt]
    losses = functional.cross_entropy(found.float(), targets, reduction="none")
    return (losses * weights[learnt]).sum(), weights.sum()


class Learner(torch.nn.Module):
    """A model and its loss in one forward pass: what FSDP gathers for a pass, it gathers once."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> torch.Tensor:
        """The sum of the weighted losses."""
        return summed(self.model, batch)[0]
