"""AdaGC (Wang et al. 2025, arXiv 2502.11034): clips each tensor's gradient at its own usual norm.

    |g*_i| = min(|g_i|, lambda_rel * gamma_i)
    gamma_i <- beta * gamma_i + (1 - beta) * |g*_i|

In the first updates the whole gradient is clipped as before, and gamma_i becomes the smallest norm that tensor i
had. The paper's clipping alone, for any optimizer: the class of the same name in `pytorch-optimizer` is an Adam
with it inside, which would change the optimizer too, and counts its warm-up from step 0 of the run. It agrees with
this one (tests/unit/replays/test_adagc.py).
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from newllm.training.step import Clip, clip_norm

BETA, RELATIVE, WARM_UP = 0.98, 1.05, 100  # the paper's


class AdaGC:
    """A clipping with one limit a tensor.

    Args:
        own: what clips in the first updates.
        warm_up: how many they are.
        beta: what an update keeps of a limit.
        relative: how far above its usual norm a tensor's gradient may go.
    """

    def __init__(self, own: Clip, warm_up: int = WARM_UP, beta: float = BETA, relative: float = RELATIVE) -> None:
        self._own, self._left, self._beta, self._relative = own, warm_up, beta, relative
        self._usual: dict[nn.Parameter, Tensor] = {}

    @torch.no_grad()
    def __call__(self, parameters: Iterable[nn.Parameter]) -> float:
        """Clip the gradients of these in place; return the norm of all as it was. One not finite teaches nothing."""
        parameters = [one for one in parameters if one.grad is not None]
        clip = self._own if self._left > 0 else clip_norm(0)
        norm = clip(parameters)
        if not math.isfinite(norm):
            return norm
        for parameter in parameters:
            assert parameter.grad is not None
            self._clip_parameter(parameter, parameter.grad)
        self._left -= 1
        return norm

    def _clip_parameter(self, parameter: nn.Parameter, gradient: Tensor) -> None:
        size = torch.linalg.vector_norm(gradient)
        usual = self._usual.get(parameter)
        if usual is None or self._left > 0:
            self._usual[parameter] = size if usual is None else torch.minimum(usual, size)
            return
        clipped = torch.minimum(size, self._relative * usual)
        if clipped < size:
            gradient.mul_(clipped / size)
        self._usual[parameter] = torch.lerp(usual, clipped, 1 - self._beta)
