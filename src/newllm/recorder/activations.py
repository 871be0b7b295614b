"""How large each layer's output is, and which of its units are dead, on sampled steps; by forward hooks.

The hooks are there on sampled steps only. A layer is measured at its first, second, fourth, eighth ... call
of the step, and the latest counts: a cell that is called at every position costs little and is seen late.

Whether a unit is dead is seen where its activation function is called, as a module or not; autograd's graph
tells which layer's output it was given.
"""

import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.hooks import RemovableHandle

from newllm.recorder.functions import Look
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layers import norm
from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row

_NEGLIGIBLE = 1e-12  # of the layer's mean square
_CAN_DIE = ("relu", "relu_", "relu6", "leaky_relu", "elu", "celu", "gelu", "silu", "mish", "hardswish", "softplus")
_PASSES = ("View", "Reshape", "ToCopy", "Clone", "Alias", "Squeeze", "Slice", "Transpose", "Permute")
_FARTHEST = 6


class ActivationWatch:
    """Measures outputs while it is open.

    Args:
        layout: whose modules are hooked.
        protect: keeps errors from the training.

    Attributes:
        latest: path of the layer that returned last.
        row: where the signals go.
    """

    def __init__(self, layout: Layout, protect: Protect = unprotected) -> None:
        self._measure, self._look = protect(self._measured), protect(self._activated)
        self._layers = [(name, m) for name, m in layout.callable_modules() if name in layout.layers]
        self._handles: list[RemovableHandle] = []
        self._calls: dict[str, int] = {}
        self._producers: dict[Any, tuple[str, int]] = {}
        self._last_output: tuple[Callable[[], Tensor | None], tuple[str, int] | None] = (lambda: None), None
        self.latest = ""
        self.row = Row()

    def open(self, row: Row) -> None:
        """Hook the layers; their signals go into the row."""
        self.row = row
        self._handles = self.watch(self._layers)

    def watch(self, layers: list[tuple[str, nn.Module]]) -> list[RemovableHandle]:
        """Hook layers by their paths; whoever asks takes the hooks away."""
        return [module.register_forward_hook(Hook(partial(self._see, name))) for name, module in layers]

    def close(self) -> None:
        """Take the hooks away and forget the graph."""
        while self._handles:
            self._handles.pop().remove()
        self._calls.clear()
        self.forget()

    def forget(self) -> None:
        """Let go of autograd's graph."""
        self._producers.clear()

    def _see(self, name: str, module: nn.Module, inputs: object, output: Any) -> None:  # noqa: ARG002
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return
        self.latest = name
        self._measure(name, module, output)

    def _measured(self, name: str, module: nn.Module, output: Any) -> None:
        calls = self._calls[name] = self._calls.get(name, 0) + 1
        value = first_tensor(output)
        if calls & (calls - 1) or value is None or value.numel() == 0:
            return
        if value.grad_fn is not None:
            place = name, 1 if isinstance(module, _ConvNd) else -1
            self._producers[value.grad_fn] = place
            self._last_output = weakref.ref(value), place
        self.row.put(f"activation_rms/{name}", norm(value.detach()) / value.numel() ** 0.5)

    def functions(self) -> dict[Any, Look]:
        """Return what looks at each activation function, however it is called."""
        places = (F, torch, Tensor)
        found = (getattr(place, name, None) for place in places for name in _CAN_DIE)
        return {function: self._look for function in found if function is not None}

    def _activated(self, output: Any, *args: object, **kwargs: object) -> None:  # noqa: ARG002
        if isinstance(output, Tensor) and output.grad_fn is not None and output.numel():
            # A function that works in place may take the layer's own node out of the graph.
            last, place = self._last_output
            found = place if last() is output else self._producer(output.grad_fn)
            if found is not None:
                self._dead(output, *found)

    @torch.no_grad()
    def _dead(self, value: Tensor, name: str, axis: int) -> None:
        """Record the dead units of the layer whose output an activation function made into this."""
        units = value.detach().movedim(axis, -1).float()
        units = units.reshape(-1, units.shape[-1])  # a single row may come without an axis for rows
        squares = units.square().mean(dim=0)
        self.row.put(f"activation_zero/{name}", (squares <= _NEGLIGIBLE * squares.mean()).float().mean())

    def _producer(self, node: Any) -> tuple[str, int] | None:
        """Return which layer the input of this node came from, None if anything but a change of shape lies between."""
        for _ in range(_FARTHEST):
            parents = [parent for parent, _ in node.next_functions if parent is not None]
            if len(parents) != 1:
                return None
            node = parents[0]
            if node in self._producers:
                return self._producers[node]
            if not any(word in node.name() for word in _PASSES):
                return None
        return None


def first_tensor(output: Any) -> Tensor | None:
    """Return the first floating tensor of what a module returned, None without one."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() else None
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, tuple | list):
        return next((found for part in output if (found := first_tensor(part)) is not None), None)
    return None
