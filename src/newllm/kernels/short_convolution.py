"""The short causal convolution, `y_t = x_t + sum_k weight_k * x_{t-k}`, without moved copies of the sequence.

Shapes: B rows, T positions, D channels, K = 4 taps.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.fusing import should_fuse, written_dtype
from newllm.kernels.memory import array, borrowed, new
from newllm.kernels.operators import Differentiable, Operator

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
    position_BT = x_BTD.new_full((1, 1), TAPS - 1, dtype=torch.int64) if position_BT is None else position_BT
    position_BT = position_BT.expand(x_BTD.shape[:2]).contiguous()  # None: from everywhere every tap reaches
    return _short_convolution(x_BTD, tail_BKD.float(), weight_KD, position_BT, written_dtype(x_BTD.dtype))


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


def _forward(x: Tensor, tail: Tensor, weight: Tensor, position: Tensor, dtype: torch.dtype) -> Tensor:
    from newllm.kernels import convolution_loops  # numba is an extra, and slow to import

    out = new(x, dtype)
    given = [array(x.contiguous()), array(tail.contiguous()), borrowed(weight.contiguous())]
    arrays = [*given, array(position.contiguous()), array(out)]
    threads.run(convolution_loops.convolution, arrays, threads.by_channels(*x.shape))
    return out


def _gradients(x: Tensor, tail: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return room for the gradients: each row sums its own of the weight."""
    return new(x), new(tail), torch.zeros(x.shape[0], *weight.shape, device=x.device)


def _backward(
    gradient: Tensor, x: Tensor, tail: Tensor, weight: Tensor, position: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    from newllm.kernels import convolution_loops

    into = _gradients(x, tail, weight)
    given = [array(tensor.contiguous()) for tensor in (gradient, x, tail)]
    arrays = [*given, borrowed(weight.contiguous()), array(position.contiguous()), *map(array, into)]
    threads.run(convolution_loops.convolution_backward, arrays, threads.by_channels(*x.shape))
    return into


def _formula(ctx: Any, backward: Callable[..., tuple[Tensor, Tensor, Tensor]], gradient: Tensor) -> tuple[Any, ...]:
    d_x, d_tail, d_weights = backward(gradient, *ctx.saved_tensors)
    return d_x, d_tail, d_weights.sum(dim=0), None, None


_short_convolution = Differentiable(
    Operator(
        "short_convolution(Tensor x, Tensor tail, Tensor weight, Tensor position, ScalarType dtype) -> Tensor",
        _forward,
        fake=lambda x, *given: new(x, given[-1]),
    ),
    Operator(
        "short_convolution_backward(Tensor gradient, Tensor x, Tensor tail, Tensor weight, Tensor position) "
        "-> (Tensor, Tensor, Tensor)",
        _backward,
        fake=lambda _, *given: _gradients(*given[:3]),
    ),
    lambda ctx, inputs, _: ctx.save_for_backward(*inputs[:4]),
    _formula,
)
