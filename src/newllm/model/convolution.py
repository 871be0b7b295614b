"""The short causal convolution: each channel sees its last four values.

Shapes: B rows, T positions, D channels, K = 4 taps.
"""

import torch
from torch import Tensor, nn

from newllm.kernels import TAPS, short_convolution, short_convolution_naive


class ShortConvolution(nn.Module):
    """Depthwise causal convolution of width 4, `y_t = sum_k weight_k * x_{t-k}`, then a residual to x.

    Args:
        channels: width of the sequence.
        drawn: whether the weights start at random (`init` draws them) and not at zero.

    Attributes:
        fused: whether fused kernels may run; else torch's own operations do.
    """

    fused = True

    def __init__(self, channels: int, *, drawn: bool = False) -> None:
        super().__init__()
        self.drawn = drawn
        self.weight = nn.Parameter(torch.zeros(TAPS, channels))  # weight[k] meets the value k positions ago

    def initial_tail(self, rows: int, device: torch.device) -> Tensor:
        """Return the values before the first position: zeros, `[B, 3, D]`."""
        return torch.zeros(rows, TAPS - 1, self.weight.shape[1], device=device, dtype=self.weight.dtype)

    def forward(
        self, x_BTD: Tensor, tail_BKD: Tensor, position_BT: Tensor, *, has_resets: bool
    ) -> tuple[Tensor, Tensor]:
        """Convolve.

        Args:
            x_BTD: the sequence.
            tail_BKD: the three values before it.
            position_BT: how many tokens of its document precede each token; no tap reaches further.
            has_resets: whether a document starts inside; without, the tail's zeros say it all.

        Returns:
            The convolved sequence and the tail after it.
        """
        convolve = short_convolution if self.fused else short_convolution_naive
        y_BTD = convolve(x_BTD, tail_BKD, self.weight, position_BT if has_resets else None)
        past_BLD = torch.cat([tail_BKD.to(x_BTD.dtype), x_BTD[:, -(TAPS - 1) :]], dim=1)
        return y_BTD, self._tail(past_BLD, position_BT[:, -1], has_resets)

    @staticmethod
    def _tail(past_BLD: Tensor, last_B: Tensor, has_resets: bool) -> Tensor:
        """Return the last three values, zero where they belong to a document before the last one."""
        tail_BKD = past_BLD[:, -(TAPS - 1) :]
        if not has_resets:
            return tail_BKD.clone()  # a view would keep the whole sequence alive
        age_K = torch.arange(TAPS - 2, -1, -1, device=last_B.device)
        return torch.where((age_K <= last_B[:, None])[..., None], tail_BKD, 0.0)
