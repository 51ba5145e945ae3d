"""Attention within the rows of a pack, one row after the other: what would cross from row to row is never computed.

On a processor the attention of torch computes all pairs of a pack, also those that its mask leaves out: with three rows to a
pack two thirds of them. On a GPU its kernels are faster than many small calls, and are left as they are.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.nn import functional

ROWS: Final = "ocinterp_rows"  # the name by which transformers knows it


def fit(model: Any, device: torch.device) -> None:
    """Let a model compute attention by rows, where that is faster and the same: on a processor, without a sliding window, and if
    its layers tell their attention the places of tokens, as not all do.
    """
    from transformers import AttentionInterface

    config = model.config
    windows = getattr(config, "sliding_window", None) or getattr(config, "layer_types", None)
    if device.type == "cpu" and not windows:
        AttentionInterface.register(ROWS, within_rows)
        model.set_attn_implementation(ROWS)
        nothing = torch.zeros(1, 2, dtype=torch.long)
        try:
            with torch.no_grad():
                model.base_model(input_ids=nothing, position_ids=nothing, use_cache=False)
        except ValueError:
            model.set_attn_implementation("sdpa")  # as `models` makes it


def within_rows(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    position_ids: torch.Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it: [batch, heads, tokens, width] of each gives [batch, tokens, heads, width].

    A row begins wherever `position_ids`, [batch, tokens], are 0. ValueError for what is no pack of rows: another mask than
    that, or keys of a cache.
    """
    if attention_mask is not None or position_ids is None or key.shape[2] != query.shape[2]:
        raise ValueError("attention by rows is for packs alone: without a mask and without a cache")
    batch, heads, tokens, width = query.shape
    starts = (position_ids.expand(batch, tokens).reshape(-1) == 0).nonzero().flatten()
    lengths = torch.diff(starts, append=starts.new_tensor([batch * tokens])).tolist()
    split = [each.transpose(1, 2).reshape(batch * tokens, -1, width).split(lengths) for each in (query, key, value)]
    found = [
        functional.scaled_dot_product_attention(
            *(each.transpose(0, 1)[None] for each in row),
            is_causal=True,
            scale=scaling,
            dropout_p=dropout,
            enable_gqa=heads != key.shape[1],
        )[0].transpose(0, 1)
        for row in zip(*split, strict=True)
    ]
    return torch.cat(found).view(batch, tokens, heads, width), None
