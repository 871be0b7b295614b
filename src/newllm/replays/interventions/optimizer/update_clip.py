"""Update clipping: a tensor's update is shortened where its gradient is larger than the second moment knows.

    RMS_t = sqrt(mean(g_t^2 / max(v_t, eps^2))),  learning rate / max(1, RMS_t)

Wortsman et al. 2023 (arXiv 2304.13013, algorithm 2, "StableAdamW"), from Adafactor (Shazeer and Stern 2018,
section 6); v_t with its bias corrected and g_t in it. It is above 1 where v lags behind the gradient. The update is
shortened after the optimizer has made it, by hooks, so that any Adam keeps its own arithmetic, and its bits where
nothing is shortened. Weight decay that is part of the update is shortened with it, as in the paper; the gradient
of an L2 term, which only torch's plain Adam has, is not counted in g_t.
"""

import torch
from torch import Tensor, nn

from newllm.replays.replica.replica import Replica
from newllm.training.sharding import whole


def clip_updates(replica: Replica) -> None:
    """Clip the updates of the replica's optimizer, which has a second moment."""
    _UpdateClip(replica.optimizer)


class _UpdateClip:
    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._old: list[Tensor] = []
        optimizer.register_step_pre_hook(lambda *_: self._before())
        optimizer.register_step_post_hook(lambda *_: self._after())

    @torch.no_grad()
    def _before(self) -> None:
        self._old = [parameter.detach().clone() for group in self._groups for parameter in group["params"]]

    @torch.no_grad()
    def _after(self) -> None:
        old = iter(self._old)
        for group in self._groups:
            for parameter in group["params"]:
                before = next(old)
                rms = self._rms(parameter, group["betas"][1], group["eps"])
                if rms > 1:
                    parameter.copy_(before + (parameter - before) / rms)

    def _rms(self, parameter: nn.Parameter, beta2: float, eps: float) -> float:
        state = self._optimizer.state.get(parameter, {})
        if parameter.grad is None or "exp_avg_sq" not in state:
            return 0.0
        gradient, moment = whole(parameter.grad), whole(state["exp_avg_sq"]) / (1 - beta2 ** float(state["step"]))
        floor = max(eps**2, torch.finfo(moment.dtype).tiny)  # 0 / 0 where neither gradient nor eps is above 0
        return float((gradient.square() / moment.clamp_min(floor)).mean().sqrt())

    @property
    def _groups(self) -> list[dict]:
        return self._optimizer.param_groups
