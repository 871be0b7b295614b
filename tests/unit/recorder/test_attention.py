"""Attention is looked at however it is called: rows, queries and masks, by hand."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.recorder import attention
from newllm.recorder.attention import entropy, multihead, queries, statistics
from newllm.recorder.functions import FunctionWatch

# Attention.


@pytest.mark.parametrize(
    ("length", "seen"),
    [(1, [0]), (3, [0, 1, 2]), (16, list(range(16))), (17, [*range(15), 16]), (32, list(range(1, 32, 2)))],
)
def test_up_to_sixteen_queries_are_looked_at_and_the_last_among_them(length: int, seen: list[int]) -> None:
    assert queries(length, torch.device("cpu")).tolist() == seen


def test_entropy_is_the_mean_over_queries_and_of_nothing_it_is_nothing() -> None:
    weights = torch.tensor([[0.5, 0.5], [1.0, 0.0], [math.nan, math.nan]])
    assert float(entropy(weights)) == pytest.approx(math.log(2) / 3)


def _by_hand(query: Tensor, key: Tensor, mask: Tensor | None = None, scale: float | None = None) -> tuple[float, float]:
    """Entropy and largest logit of the first two rows, whose queries are fewer than seventeen."""
    logits = query[:2] @ key[:2].transpose(-2, -1) * (scale or query.shape[-1] ** -0.5)
    logits = logits if mask is None else logits + mask[: min(2, len(mask))]
    weights = logits.softmax(-1)
    return float(-torch.xlogy(weights, weights).nan_to_num(0).sum(-1).mean()), float(logits.max())


def _seen(call: Callable[[], Any]) -> list[tuple[float, float]]:
    seen: list[tuple[float, float]] = []
    with FunctionWatch(attention.functions(lambda e, m: seen.append((float(e), float(m))))):
        call()
    return seen


def test_of_attention_two_rows_are_looked_at_however_it_is_asked() -> None:
    query, key = torch.randn(3, 2, 5, 4), torch.randn(3, 2, 6, 4)
    assert _seen(lambda: F.scaled_dot_product_attention(query, key, key)) == [pytest.approx(_by_hand(query, key))]
    assert _seen(lambda: F.scaled_dot_product_attention(query, key, key, scale=2.0)) == [
        pytest.approx(_by_hand(query, key, scale=2.0))
    ]
    added = torch.randn(3, 1, 5, 6)
    for mask in (added, added[:1], added[0, 0]):
        shown = mask if mask.dim() == 4 else mask[None, None]
        assert _seen(lambda mask=mask: F.scaled_dot_product_attention(query, key, key, mask)) == [
            pytest.approx(_by_hand(query, key, shown))
        ]
    causal = torch.full((5, 5), -math.inf).triu(1)[None, None]
    same = key[:, :, :5]
    assert _seen(lambda: F.scaled_dot_product_attention(query, same, same, is_causal=True)) == [
        pytest.approx(_by_hand(query, same, causal))
    ]
    few = torch.randn(3, 1, 6, 4)
    assert _seen(lambda: F.scaled_dot_product_attention(query, few, few, enable_gqa=True)) == [
        pytest.approx(_by_hand(query, few.repeat_interleave(2, 1)))
    ]
    four, two = torch.randn(3, 4, 6, 4), torch.randn(3, 2, 6, 4)  # which do not broadcast
    assert _seen(lambda: F.scaled_dot_product_attention(four, two, two, enable_gqa=True)) == [
        pytest.approx(_by_hand(four, two.repeat_interleave(2, 1)))
    ]
    for nothing in (torch.randn(5, 4), torch.randn(0, 2, 5, 4)):
        assert _seen(lambda it=nothing: F.scaled_dot_product_attention(it, it, it)) == []
    three = torch.randn(3, 5, 4)  # heads first, no rows: all of them
    weights = (three @ three.transpose(-2, -1) / 2).softmax(-1)
    found = _seen(lambda: F.scaled_dot_product_attention(three, three, three))
    assert found[0][0] == pytest.approx(float(-torch.xlogy(weights, weights).sum(-1).mean()))


def test_a_softmax_over_the_last_of_four_axes_is_attention_and_another_is_none() -> None:
    logits = torch.randn(3, 2, 5, 6)
    by_hand = pytest.approx(_by_hand(logits, torch.eye(6).expand(3, 2, 6, 6), scale=1.0))
    for call in (
        lambda: logits.softmax(-1), lambda: torch.softmax(logits, 3), lambda: F.softmax(logits, dim=-1),
    ):  # fmt: skip
        assert _seen(call)[0] == by_hand
    assert _seen(lambda: logits.softmax(2)) == []
    assert _seen(lambda: logits[0].softmax(-1)) == []
    assert _seen(lambda: logits[:0].softmax(-1)) == []


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"batch_first": True}, {"kdim": 6, "vdim": 6}])
@pytest.mark.parametrize("masked", ["", "padding", "heads", "both"])
def test_torchs_own_attention_is_looked_at_by_its_arguments(options: dict[str, Any], masked: str) -> None:
    module, seen = nn.MultiheadAttention(8, 2, dropout=0.0, **options), []
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    query, key = torch.randn(3, 5, 8), torch.randn(3, 7, options.get("kdim", 8))
    padding = torch.zeros(3, 7, dtype=torch.bool)
    padding[:, 5:] = masked in ("padding", "both")
    by_head = torch.randn(6, 5, 7) if masked in ("heads", "both") else None
    given = [one if options.get("batch_first") else one.transpose(0, 1) for one in (query, key, key)]
    multihead(module, tuple(given), {"key_padding_mask": padding, "attn_mask": by_head}, lambda *a: seen.append(a))
    added = torch.zeros(3, 7).masked_fill(padding, -math.inf)[:, None, None].expand(3, 2, 5, 7)
    added = added if by_head is None else added + by_head.view(3, 2, 5, 7)
    with torch.no_grad():
        _, weights = module(*given, attn_mask=added.reshape(6, 5, 7), average_attn_weights=False)
    assert float(seen[0][0]) == pytest.approx(float(entropy(weights[:2])), rel=1e-4)


def test_torchs_own_attention_sees_what_is_causal_and_nothing_of_no_rows() -> None:
    module, seen = nn.MultiheadAttention(4, 1, batch_first=True), []
    x = torch.randn(2, 5, 4)
    square = torch.ones(5, 5, dtype=torch.bool).triu(1)
    for arguments in ({"attn_mask": square, "is_causal": True}, {"is_causal": True}, {"attn_mask": square}):
        multihead(module, (x, x, x), arguments, lambda *a: seen.append(a))
    assert float(seen[0][0]) == pytest.approx(float(seen[1][0])) == pytest.approx(float(seen[2][0]))
    multihead(module, (x, x, x), {}, lambda *a: seen.append(a))
    assert float(seen[3][0]) > float(seen[0][0])
    multihead(module, (x[:0], x[:0], x[:0]), {}, lambda *a: seen.append(a))
    multihead(module, (x[0], x[0], x[0]), {}, lambda *a: seen.append(a))
    assert len(seen) == 4
    long = torch.randn(1, 1, 20, 4)
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., 19, 0] = 50.0
    assert float(statistics(long, long, mask, 0.0, causal=False)[1]) == 50.0  # the last query is looked at
