"""Entropy and largest logit of attention, on sampled steps, of a few rows.

Seen are calls of `scaled_dot_product_attention`, a softmax over the last of four axes, and
`torch.nn.MultiheadAttention`. Not seen: flash-attention packages and flex attention, which show neither
their logits nor their weights.

Shapes: B rows, H heads, T queries, S keys, E width of a head.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.recorder.functions import Look
from newllm.recorder.isolation import Protect, unprotected

_ROWS, _QUERIES = 2, 16
_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
_SOFTMAX = (F.softmax, torch.softmax, Tensor.softmax)
See = Callable[[Tensor, Tensor], None]
"""Takes the mean entropy in nats and the largest logit, both still on the device."""


def functions(see: See, protect: Protect = unprotected) -> dict[Any, Look]:
    """Return what looks at each function of attention; `see` takes the numbers, `protect` what goes wrong."""
    softened = protect(partial(_softened, see))
    return {F.scaled_dot_product_attention: protect(partial(_attended, see))} | dict.fromkeys(_SOFTMAX, softened)


@torch.no_grad()
def _attended(see: See, output: Tensor, *args: Any, **kwargs: Any) -> None:  # noqa: ARG001
    given = dict(zip(_ARGUMENTS, args, strict=False)) | kwargs
    query, key = given["query"].detach(), given["key"].detach()
    if query.is_nested or query.dim() < 3 or 0 in (*query.shape, *key.shape):
        return
    if given.get("enable_gqa"):
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scale = given.get("scale") or 1 / math.sqrt(query.shape[-1])
    see(*statistics(query, key, given.get("attn_mask"), scale, causal=bool(given.get("is_causal"))))


@torch.no_grad()
def _softened(see: See, output: Tensor, *args: Any, **kwargs: Any) -> None:
    given = dict(zip(("input", "dim"), args, strict=False)) | kwargs
    if output.dim() != 4 or given.get("dim") not in (-1, 3) or 0 in output.shape:
        return
    at = queries(output.shape[-2], output.device)
    weights, logits = output.detach()[:_ROWS, :, at], given["input"].detach()[:_ROWS, :, at]
    see(entropy(weights.float()), logits.amax().float())


@torch.no_grad()
def multihead(module: nn.MultiheadAttention, args: tuple[Any, ...], kwargs: dict[str, Any], see: See) -> None:
    """Look at a call of torch's attention module by its arguments."""
    given = dict(zip(("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask"), args, strict=False))
    given |= kwargs
    query, key = given["query"].detach(), given["key"].detach()
    if query.is_nested or query.dim() != 3 or 0 in (*query.shape, *key.shape):
        return
    if not module.batch_first:
        query, key = query.transpose(0, 1), key.transpose(0, 1)
    query_BTD, key_BSD = query[:_ROWS], key[:_ROWS]
    weights, bias = _projections(module)
    query_BHTE = _heads(F.linear(query_BTD, weights[0], bias[0]), module.num_heads)
    key_BHSE = _heads(F.linear(key_BSD, weights[1], bias[1]), module.num_heads)
    mask = _mask(given.get("attn_mask"), given.get("key_padding_mask"), query.shape[0], module.num_heads)
    scale = 1 / math.sqrt(module.head_dim)
    causal = bool(given.get("is_causal", False)) and given.get("attn_mask") is None
    see(*statistics(query_BHTE, key_BHSE, mask, scale, causal=causal))


def statistics(query: Tensor, key: Tensor, mask: Tensor | None, scale: float, *, causal: bool) -> tuple[Tensor, Tensor]:
    """Return the mean entropy and the largest logit that counts, of a few rows and queries.

    Args:
        query: `[..., T, E]`.
        key: `[..., S, E]`.
        mask: added to the logits, or False where a query may not look; broadcast to `[..., T, S]`.
        scale: of the logits.
        causal: query t sees keys 0 to t only.
    """
    length, keys = query.shape[-2], key.shape[-2]
    at = queries(length, query.device)
    if mask is not None and mask.shape[-2] != 1:
        mask = mask[..., at, :]
    if query.dim() > 3:
        if mask is not None and mask.dim() == query.dim() and mask.shape[0] != 1:
            mask = mask[:_ROWS]
        query, key = query[:_ROWS], key[:_ROWS]
    logits = (query[..., at, :].float() @ key.float().transpose(-2, -1)) * scale
    if causal:
        later = torch.arange(keys, device=query.device) > at[:, None]
        logits = logits.masked_fill(later, -math.inf)
    if mask is not None:
        logits = logits.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else logits + mask.float()
    return entropy(logits.softmax(dim=-1)), logits.amax()


def entropy(weights: Tensor) -> Tensor:
    """Return the mean entropy in nats of `[..., S]`; a query that sees nothing (NaN) counts as 0."""
    return -torch.xlogy(weights, weights).nan_to_num(0.0).sum(dim=-1).mean()


def queries(length: int, device: torch.device) -> Tensor:
    """Return up to 16 positions, evenly spread, the last one among them."""
    count = min(_QUERIES, length)
    return torch.arange(1, count + 1, device=device) * length // count - 1


def _heads(value_BTD: Tensor, heads: int) -> Tensor:
    return value_BTD.unflatten(-1, (heads, -1)).transpose(1, 2)


def _projections(module: nn.MultiheadAttention) -> tuple[Sequence[Tensor], Sequence[Tensor | None]]:
    joint, bias = module.in_proj_weight, module.in_proj_bias
    weights = (module.q_proj_weight, module.k_proj_weight) if joint is None else joint.chunk(3)
    return weights, (None, None) if bias is None else bias.chunk(3)


def _mask(attn_mask: Tensor | None, padding_BS: Tensor | None, rows: int, heads: int) -> Tensor | None:
    """Return both masks of `nn.MultiheadAttention` (True is hidden) as one to add, `[B or 1, H or 1, T or 1, S]`."""
    mask = None
    if attn_mask is not None:
        mask = _additive(attn_mask)
        mask = mask.unflatten(0, (rows, heads)) if mask.dim() == 3 else mask[None, None]
    if padding_BS is not None:
        padding = _additive(padding_BS)[:, None, None, :]
        mask = padding if mask is None else mask + padding
    return mask


def _additive(mask: Tensor) -> Tensor:
    return (
        torch.zeros_like(mask, dtype=torch.float32).masked_fill(mask, -math.inf) if mask.dtype == torch.bool else mask
    )
