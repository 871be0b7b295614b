"""Layers that a model keeps in plain Python lists and dictionaries: torch does not know them as its parts.

`self.layers = [nn.Linear(8, 8)]` is called like any other layer and gets a gradient, but `parameters()` leaves it out:
no optimizer moves it and no checkpoint holds it. `torch.nn.ModuleList` is what was meant. Who hides a layer in a list
on purpose, as a teacher, computes no gradient for it.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row

_PLAIN = frozenset(vars(nn.Module()))
_MOST = 1000  # entries of a container
_DEEPEST = 3  # containers in each other


class UnregisteredWatch:
    """Looks whether such layers get gradients.

    Args:
        layout: the model's.
        optimizer: what it was given is known to it, however it is kept.
    """

    def __init__(self, layout: Layout, optimizer: torch.optim.Optimizer) -> None:
        self._layout, self._optimizer = layout, optimizer
        self._found: dict[str, list[Tensor]] | None = None

    def after(self, row: Row) -> None:
        """Record each that has a gradient, after a sampled update."""
        if self._found is None:
            self._found = self._hidden()
        for name, weights in self._found.items():
            if any(each.grad is not None for each in weights):
                row.put(f"unregistered/{name}", 1.0)

    def _hidden(self) -> dict[str, list[Tensor]]:
        known = {id(each) for each in self._layout.inner.parameters()}
        known |= {id(each) for group in self._optimizer.param_groups for each in group["params"]}
        found: dict[str, list[Tensor]] = {}
        for owner, module in self._layout.inner.named_modules():
            for name, value in vars(module).items():
                if name not in _PLAIN:
                    for place, weights in _weights(value, f"{owner}.{name}".lstrip("."), 0):
                        unknown = [each for each in weights if id(each) not in known]
                        found |= {place: unknown} if unknown else {}
        return found


def _weights(value: Any, place: str, depth: int) -> Iterator[tuple[str, list[Tensor]]]:
    """Yield the layers and parameters in a container, by their place in it; nothing of what is none."""
    if not isinstance(value, list | tuple | dict) or depth == _DEEPEST or len(value) > _MOST:
        return
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(one, nn.Module):
            yield f"{place}.{key}", list(one.parameters())
        elif isinstance(one, nn.Parameter):
            yield f"{place}.{key}", [one]
        else:
            yield from _weights(one, f"{place}.{key}", depth + 1)
