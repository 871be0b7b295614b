"""What a replay measures around its updates, so that it can be seen whether an intervention moved what it aims at.

    update_ratio            size of an update by the size of the weights
    gradient_norm_clipped   gradient as the optimizer reads it
    second_moment_mismatch  norm of the gradient by that of sqrt(v), v as Adam corrects it: above 1 the moment lags
    activation_rms          root mean square of the outputs of the layer where it is largest, on the probe batch

Measured of the updates that a replay asks for; for any torch model and optimizer.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from newllm.recorder import ActivationScale
from newllm.replays.replica.replica import Replica


class UpdateSignals:
    """Measures one replica around its updates, while `measuring`.

    Args:
        replica: with everything attached; its optimizer is hooked for as long as it lives.
    """

    def __init__(self, replica: Replica) -> None:
        self.measuring = False
        self._replica = replica
        self._old: list[Tensor] = []
        self._found: dict[str, float] = {}
        replica.optimizer.register_step_pre_hook(lambda *_: self._before())
        replica.optimizer.register_step_post_hook(lambda *_: self._after())

    def take(self) -> dict[str, float]:
        """Return what was measured of the last update; empty if it was not, or changed no weight."""
        found, self._found = self._found, {}
        return found

    @contextmanager
    def measuring_activations(self) -> Iterator[None]:
        """Measure activations of the forward passes inside."""
        with ActivationScale(self._replica.model) as scale:
            yield
        largest = max(scale.rms().values(), default=math.nan)
        if math.isfinite(largest):
            self._found["activation_rms"] = largest

    @torch.no_grad()
    def _before(self) -> None:
        if not self.measuring:
            return
        parameters = self._parameters()
        gradients = [p.grad for p in parameters if p.grad is not None]
        self._old = [p.detach().clone() for p in parameters]
        self._found["gradient_norm_clipped"] = _norm(gradients)
        mismatch = self._mismatch()
        if mismatch is not None:
            self._found["second_moment_mismatch"] = mismatch

    @torch.no_grad()
    def _after(self) -> None:
        if not self.measuring or not self._old:
            return
        length = _norm(self._old)
        moved = _norm(list(torch._foreach_sub(self._old, self._parameters())))
        self._old = []
        if length > 0:
            self._found["update_ratio"] = moved / length

    def _parameters(self) -> list[Tensor]:
        return [p for group in self._replica.optimizer.param_groups for p in group["params"]]

    def _mismatch(self) -> float | None:
        gradient, moment = 0.0, 0.0
        for group in self._replica.optimizer.param_groups:
            beta2 = group["betas"][1] if "betas" in group else None
            for p in group["params"]:
                state = self._replica.optimizer.state.get(p, {})
                if beta2 is None or p.grad is None or "exp_avg_sq" not in state or "step" not in state:
                    continue
                gradient += float(torch.linalg.vector_norm(p.grad)) ** 2
                moment += float(state["exp_avg_sq"].sum()) / (1 - beta2 ** float(state["step"]))
        return math.sqrt(gradient / moment) if moment > 0 else None


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)).double())) if tensors else 0.0
