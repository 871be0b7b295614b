"""Causal attention over a bounded window, with its keys and values carried in a state of bounded size.

Shapes: B rows, T positions, N carried positions, H heads, E width of a head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.model.bodies.body import State


def empty_cache(rows: int, heads: int, head_width: int, device: torch.device, dtype: torch.dtype) -> State:
    """Return a cache that carries nothing."""
    nothing = torch.zeros(rows, 0, heads, head_width, device=device, dtype=dtype)
    return {"key": nothing, "value": nothing}


def attend(
    query_BTHE: Tensor,
    key_BTHE: Tensor,
    value_BTHE: Tensor,
    cache: State,
    position_BT: Tensor,
    *,
    window: int,
    has_resets: bool,
    dropout: float = 0.0,
) -> tuple[Tensor, State]:
    """Attend to the last `window` positions of the same document.

    Args:
        query_BTHE: queries.
        key_BTHE: keys; a rotary embedding is already in them.
        value_BTHE: values.
        cache: keys and values before this sequence, at most `window - 1`.
        position_BT: how many tokens of its document precede each token.
        window: how many positions a query sees, itself included.
        has_resets: whether a document starts inside the sequence.
        dropout: on the attention weights.

    Returns:
        The attended values `[B, T, H * E]` and the next cache.
    """
    length, carried = query_BTHE.shape[1], cache["key"].shape[1]
    key = torch.cat([cache["key"].to(key_BTHE.dtype), key_BTHE], dim=1)
    value = torch.cat([cache["value"].to(value_BTHE.dtype), value_BTHE], dim=1)
    plain = carried == 0 and not has_resets and length <= window
    attended_BHTE = F.scaled_dot_product_attention(
        query_BTHE.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=None if plain else _mask(position_BT, carried, window)[:, None],
        is_causal=plain,
        dropout_p=dropout,
    )
    keep = min(window - 1, key.shape[1])
    cache = {name: all_[:, all_.shape[1] - keep :] for name, all_ in (("key", key), ("value", value))}
    return attended_BHTE.transpose(1, 2).flatten(2), cache


def _mask(position_BT: Tensor, carried: int, window: int) -> Tensor:
    """Return who sees whom, `[B, T, N + T]`: nothing later, nothing too old, nothing of another document."""
    length = position_BT.shape[1]
    device = position_BT.device
    at_T = torch.arange(carried, carried + length, device=device)
    age_TS = at_T[:, None] - torch.arange(carried + length, device=device)[None, :]
    return (age_TS >= 0) & (age_TS < window) & (age_TS <= position_BT[..., None])
