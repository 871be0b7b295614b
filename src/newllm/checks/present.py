"""Whether layers compute with the weights that they have now, where mixed precision keeps copies of them.

Autocast casts a weight once and keeps the copy until its outermost block ends. An update inside of that block changes
the weight and not the copy, and every later pass in the block computes with what was before. Seen by what must be so
of any layer: its product is that of its weight.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DEVICES = ("cpu", "cuda", "mps", "xpu")


class PresentWeights:
    """Hooks on the linear layers of a model, which compare after an update.

    Attributes:
        old: names of the layers that computed with another weight than their own.
        has_updated_inside: whether an update was made inside of an autocast that keeps copies.
    """

    def __init__(self, model: nn.Module) -> None:
        self.old: list[str] = []
        self.has_updated_inside = False
        self._looking = False
        layers = [(name, each) for name, each in model.named_modules() if type(each) is nn.Linear]
        self._handles = [each.register_forward_pre_hook(self._before(name)) for name, each in layers]

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def updated(self) -> None:
        """Tell that the optimizer has just made an update."""
        self._looking = torch.is_autocast_cache_enabled() and any(map(autocasts, DEVICES))
        self.has_updated_inside |= self._looking

    def _before(self, name: str) -> Callable[[nn.Linear, Any], None]:
        def hook(layer: nn.Linear, given: Any) -> None:
            if not self._looking or name in self.old or not torch.is_grad_enabled():
                return
            weight = layer.weight
            if given and isinstance(given[0], Tensor) and given[0].numel() and autocasts(weight.device.type):
                x = given[0].detach().reshape(-1, given[0].shape[-1])[:1]
                held, own, again = (
                    F.linear(x, each) for each in (weight, weight.detach().clone(), weight.detach().clone())
                )
                if torch.equal(own, again) and not torch.equal(held, own):
                    self.old.append(name)

        return hook


def autocasts(kind: str) -> bool:
    """Say whether automatic mixed precision is on for a kind of device."""
    try:
        return torch.is_autocast_enabled(kind)
    except (RuntimeError, TypeError):  # a kind that this torch does not know
        return False
