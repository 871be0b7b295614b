"""The norm of blocks: torch's RMSNorm, fused where the model is on the CPU."""

from torch import Tensor, nn

from newllm.kernels import rms_norm, rms_norm_naive


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm over the last axis.

    Attributes:
        fused: whether fused kernels may run; else torch's own operations do.
    """

    weight: nn.Parameter
    fused = True

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised sequence, in autocast's dtype where that is on and the kernel runs."""
        return (rms_norm if self.fused else rms_norm_naive)(x, self.weight, self.eps)
