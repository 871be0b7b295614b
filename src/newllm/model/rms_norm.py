"""The norm of blocks: torch's RMSNorm with the residual sum before it; fused where the model is on the CPU."""

from torch import Tensor, nn

from newllm import kernels


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm over the last axis of a residual sum.

    Attributes:
        fused: whether fused kernels may run; else torch's own operations do.
    """

    weight: nn.Parameter
    fused = True

    def forward(self, x: Tensor, added: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return `x + added` normed, in autocast's dtype where that is on and the kernel runs, and `x + added` itself.

        Args:
            x: the residual stream, `[..., width]`.
            added: what a layer adds to it; None for nothing.
        """
        if added is None:
            norm = kernels.rms_norm if self.fused else kernels.rms_norm_naive
            return norm(x, self.weight, self.eps), x
        norm = kernels.residual_rms_norm if self.fused else kernels.residual_rms_norm_naive
        return norm(x, added, self.weight, self.eps)
