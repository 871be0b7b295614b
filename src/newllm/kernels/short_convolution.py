"""The short causal convolution, `y_t = x_t + sum_k weight_k * x_{t-k}`, without moved copies of the sequence.

Shapes: B rows, T positions, D channels, K = 4 taps.
"""

from typing import Any

import torch
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.fusing import should_fuse, written_dtype
from newllm.kernels.memory import array, borrowed

TAPS = 4


def short_convolution(x_BTD: Tensor, tail_BKD: Tensor, weight_KD: Tensor, position_BT: Tensor | None) -> Tensor:
    """Convolve, in autocast's dtype where that is on.

    Args:
        x_BTD: the sequence.
        tail_BKD: the three values before it.
        weight_KD: `weight[k]` meets the value k positions ago.
        position_BT: how many tokens of its document precede each token, no tap reaches further; None where no
            document starts inside: then the tail's zeros say it all.
    """
    if not should_fuse(x_BTD, tail_BKD, weight_KD) or weight_KD.dtype != torch.float32:
        return short_convolution_naive(x_BTD, tail_BKD, weight_KD, position_BT)
    return _ShortConvolution.apply(x_BTD, tail_BKD.float(), weight_KD, position_BT, written_dtype(x_BTD))


def short_convolution_naive(x_BTD: Tensor, tail_BKD: Tensor, weight_KD: Tensor, position_BT: Tensor | None) -> Tensor:
    """Return the same from a shifted copy for each tap."""
    length = x_BTD.shape[1]
    past_BLD = torch.cat([tail_BKD.to(x_BTD.dtype), x_BTD], dim=1)
    y_BTD = x_BTD * (1 + weight_KD[0])
    for lag in range(1, TAPS):
        start = TAPS - 1 - lag
        shifted_BTD = past_BLD[:, start : start + length] * weight_KD[lag]
        if position_BT is not None:
            shifted_BTD = torch.where((position_BT >= lag)[..., None], shifted_BTD, 0.0)
        y_BTD = y_BTD + shifted_BTD
    return y_BTD


class _ShortConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, tail: Tensor, weight: Tensor, position: Tensor | None, dtype: torch.dtype
    ) -> Tensor:
        from newllm.kernels import loops  # numba is an extra, and slow to import

        x, tail, weight = x.contiguous(), tail.contiguous(), weight.contiguous()
        position = _everywhere(x) if position is None else position.expand(x.shape[:2]).contiguous()
        out = torch.empty_like(x, dtype=dtype)
        arrays = [array(x), array(tail), borrowed(weight), array(position), array(out)]
        threads.run(loops.convolution, arrays, threads.by_channels(*x.shape))
        ctx.save_for_backward(x, tail, weight, position)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:  # type: ignore[override]
        from newllm.kernels import loops

        x, tail, weight, position = ctx.saved_tensors
        d_x, d_tail = torch.empty_like(x), torch.empty_like(tail)
        d_weights = torch.zeros(x.shape[0], *weight.shape)  # each row sums its own
        given = [array(gradient.contiguous()), array(x), array(tail), borrowed(weight), array(position)]
        into = [array(d_x), array(d_tail), array(d_weights)]
        threads.run(loops.convolution_backward, [*given, *into], threads.by_channels(*x.shape))
        return d_x, d_tail, d_weights.sum(dim=0), None, None


def _everywhere(x: Tensor) -> Tensor:
    """Return positions from which every tap reaches."""
    return torch.full((1, 1), TAPS - 1).expand(x.shape[:2]).contiguous()
