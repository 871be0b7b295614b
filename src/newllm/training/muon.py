"""Muon for the matrices, and AdamW for all else, as one optimizer.

Muon makes the update of a matrix as large in each of its directions: the momentum's singular values are brought near 1
by five steps of a Newton-Schulz iteration (Jordan et al. 2024, kellerjordan.github.io/posts/muon). The update is scaled
by 0.2 sqrt(longer side), which is about as large as AdamW's, so that both go by one learning rate and one weight decay
(Liu et al. 2025, arXiv:2502.16982).

torch.optim.Muon computes the same, and the tests hold this one to it. It has two limits that this one has not: it
computes in bf16, which many processors do slowly, and it takes no matrix that is sharded.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from newllm.training.sharding import first_row, is_sharded, own_part, sharded_like, whole

MOMENTUM = 0.95
_STEPS, _POLYNOMIAL, _SMALLEST = 5, (3.4445, -4.7750, 2.0315), 1e-7


class Muon(torch.optim.Optimizer):
    """The groups of matrices stand before those of all else, and both may be changed on the way, their rates too.

    Args:
        matrices: groups of matrices, each with its weight_decay.
        others: groups of parameters for AdamW, likewise.
        learning_rate: of the first update.
        betas: of AdamW.
        epsilon: of AdamW.
        precision: of the iteration's products, "fp32" or "bf16".
    """

    def __init__(
        self,
        matrices: list[dict[str, Any]],
        others: list[dict[str, Any]],
        learning_rate: float,
        betas: tuple[float, float],
        epsilon: float,
        precision: str,
    ) -> None:
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        moved = {"lr": learning_rate, "momentum": MOMENTUM, "decoupled_weight_decay": True}
        averaged = {"lr": learning_rate, "betas": betas, "eps": epsilon}
        groups = [*({**moved, **one} for one in matrices), *({**averaged, **one} for one in others)]
        super().__init__(groups, {})
        self._share()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy, or a file, has of it."""
        return {**super().__getstate__(), "_dtype": self._dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was copied, or loaded."""
        super().__setstate__(state)
        self._share()

    def _share(self) -> None:
        """Give the groups that are no matrices to an AdamW, which has the same groups and the same state."""
        self._adamw = torch.optim.AdamW([group for group in self.param_groups if "betas" in group], fused=True)
        self._adamw.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update what has a gradient.

        Args:
            closure: must be None.
        """
        assert closure is None, "the stepper computes the loss"
        for group in self.param_groups:
            for parameter in () if "betas" in group else group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        self._adamw.step()

    def _update(self, parameter: nn.Parameter, given: Tensor, group: dict[str, Any]) -> None:
        like = parameter if is_sharded(parameter) else None
        part, gradient, state = own_part(parameter), own_part(given), self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = sharded_like(torch.zeros_like(part), like)
        buffer = own_part(state["momentum_buffer"])
        buffer.lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(buffer, group["momentum"])  # Nesterov's
        update = orthogonalised(whole(sharded_like(ahead, like)), self._dtype)
        if like is not None:
            update = update[first_row(like) : first_row(like) + len(part)]
        part.mul_(1 - group["lr"] * group["weight_decay"])
        part.add_(update, alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)


def orthogonalised(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a matrix with the same singular vectors, whose singular values are about 1 (0.7 to 1.2).

    Args:
        matrix: of any scale.
        dtype: that the products are computed in.
    """
    a, b, c = _POLYNOMIAL
    x = matrix.to(dtype)
    is_tall = x.shape[0] > x.shape[1]
    x = x.mT if is_tall else x
    x = x / x.norm().clamp(min=_SMALLEST)
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x
