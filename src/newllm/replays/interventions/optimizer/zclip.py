"""ZClip (Kumar et al. 2025, arXiv 2504.02507): clips a gradient whose norm is an outlier among those before it.

    z_t = (|g_t| - mu) / sigma
    z_t > z_thres:  |g*_t| = mu + sigma * z_thres^2 / z_t       "reciprocal clipping", eq. of section 3
    mu    <- alpha * mu + (1 - alpha) * |g*_t|
    sigma^2 <- alpha * sigma^2 + (1 - alpha) * (|g*_t| - mu)^2  with the new mu

Mean and variance begin as those of the first norms, and go on with the norms as they were clipped, so that one
outlier does not open the door for the next. Limits: one process, the norm of the whole gradient; the optional
fixed maximum of the authors' code is not there, except while the first norms are gathered, where the run's own
clipping goes on.
"""

import math
from collections.abc import Iterable

import torch
from torch import nn

from newllm.training.step import Clip, clip_norm

ALPHA, THRESHOLD, WARM_UP = 0.97, 2.5, 25  # the paper's


class ZClip:
    """A clipping that adapts to the norms that it sees.

    Args:
        own: what clips until the first norms are gathered.
        warm_up: how many are gathered.
        alpha: what an update keeps of mean and variance.
        threshold: of the z-score.

    Attributes:
        mean, variance: of the gradient norm; None until the first norms are gathered.
    """

    def __init__(self, own: Clip, warm_up: int = WARM_UP, alpha: float = ALPHA, threshold: float = THRESHOLD) -> None:
        self.mean: float | None = None
        self.variance: float | None = None
        self._own, self._warm_up, self._alpha, self._threshold = own, warm_up, alpha, threshold
        self._gathered: list[float] = []

    def __call__(self, parameters: Iterable[nn.Parameter]) -> float:
        """Clip the gradients of these in place; return their norm as it was. One that is not finite teaches nothing."""
        parameters = list(parameters)
        if self.mean is None:
            return self._gather(self._own(parameters))
        norm = clip_norm(0)(parameters)
        if math.isfinite(norm):
            clipped = self.clipped(norm)
            if clipped < norm:
                _scale(parameters, clipped / norm)
            self._learn(clipped)
        return norm

    def clipped(self, norm: float) -> float:
        """Return the norm that a gradient of this norm is clipped to."""
        assert self.mean is not None
        assert self.variance is not None
        over = norm - self.mean
        if over <= self._threshold * math.sqrt(self.variance):
            return norm
        return self.mean + self._threshold**2 * self.variance / over  # sigma * z_thres^2 / z, also where sigma is 0

    def _gather(self, norm: float) -> float:
        if math.isfinite(norm):
            self._gathered.append(norm)
        if len(self._gathered) >= self._warm_up:
            self.mean = sum(self._gathered) / len(self._gathered)
            self.variance = sum((one - self.mean) ** 2 for one in self._gathered) / len(self._gathered)
        return norm

    def _learn(self, norm: float) -> None:
        assert self.mean is not None
        assert self.variance is not None
        self.mean = self._alpha * self.mean + (1 - self._alpha) * norm
        self.variance = self._alpha * self.variance + (1 - self._alpha) * (norm - self.mean) ** 2


@torch.no_grad()
def _scale(parameters: list[nn.Parameter], factor: float) -> None:
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor)
