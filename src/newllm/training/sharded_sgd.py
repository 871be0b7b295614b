"""SGD of parameters that are sharded: torch's, on the parts that this rank holds.

torch knows how a DTensor is updated by its fused Adam, and not how by its fused SGD. Either computes each number by
itself, so that a part of a matrix comes to the bits that it has in the whole (`sharding` says where it is cut).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.sgd import sgd

from newllm.training.sharding import is_sharded, own_part, sharded_like


class SGD(torch.optim.SGD):
    """SGD with momentum, fused; its buffers are sharded like the parameters.

    Args:
        groups: of parameters.
        learning_rate: of the first update.
        momentum: 0 for none.
    """

    def __init__(self, groups: list[dict[str, Any]], learning_rate: float, momentum: float) -> None:
        super().__init__(groups, lr=learning_rate, momentum=momentum, fused=True)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = False  # as in torch's own, whose kind says so

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Update what has a gradient.

        Args:
            closure: must be None.
        """
        assert closure is None, "the stepper computes the loss"
        for group in self.param_groups:
            trained = [one for one in group["params"] if one.grad is not None]
            known = [self.state[one].get("momentum_buffer") for one in trained]
            parts = [own_part(one) for one in trained]
            gradients = [own_part(one.grad) for one in trained]
            buffers = [None if one is None else own_part(one) for one in known]
            rates = {name: group[name] for name in ("lr", "weight_decay", "momentum", "dampening")}
            sgd(parts, gradients, buffers, fused=True, nesterov=False, maximize=False, **rates)
            for parameter, buffer in zip(trained, buffers, strict=True):
                if group["momentum"] and buffer is not None:
                    like = parameter if is_sharded(parameter) else None
                    self.state[parameter]["momentum_buffer"] = sharded_like(buffer, like)
