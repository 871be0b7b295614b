"""SwiGLU: the position-wise half of a block (Shazeer 2020, arXiv:2002.05202)."""

from torch import Tensor, nn

from newllm.kernels import swiglu, swiglu_naive


class SwiGLU(nn.Module):
    """`W_out (silu(W_gate x) * W_in x)`.

    Args:
        width: of the residual stream.
        hidden: inside.

    Attributes:
        fused: whether fused kernels may run; else torch's own operations do.
    """

    fused = True

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, width, bias=False)
        self.out.is_residual_output = True  # type: ignore[attr-defined]

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., width]` to `[..., width]`."""
        return self.out((swiglu if self.fused else swiglu_naive)(self.up(x)))
