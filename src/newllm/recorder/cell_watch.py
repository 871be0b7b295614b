"""The inside of our cell, on sampled steps, without the cell noticing.

The cell runs as one fused function, and leaves it while its layers are hooked: slower, and rounded otherwise.
So nothing in it is hooked during an update. Instead, once the pass is over, its layers are called again on a
few of the positions, with the tokens and contexts that they had there, and without dropout.

Shapes: B rows, T positions, N positions read, D width, C channels.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.model.bodies.cell import Cell
from newllm.recorder.activations import ActivationWatch
from newllm.recorder.gates import watch_gates
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layout import Layout, own_name

_POSITIONS = 128


class CellWatch:
    """Looks into every cell of a model while it is open.

    Args:
        layout: the model's.
        protect: keeps errors from the training.
    """

    def __init__(self, layout: Layout, protect: Protect = unprotected) -> None:
        self._layout, self._protect = layout, protect
        self._cells = [(n, m) for n, m in layout.callable_modules() if isinstance(m, Cell)]
        self._handles: list[RemovableHandle] = []
        self._contexts: dict[nn.Module, Tensor] = {}

    def open(self, activations: ActivationWatch) -> None:
        """Hook the cells and their taps; what is seen goes where the activations go."""
        for name, cell in self._cells:
            self._handles.append(cell.tap.register_forward_hook(Hook(self._keep)))
            self._handles.append(
                cell.register_forward_hook(Hook(self._protect(partial(self._look, name, activations))))
            )

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()
        self._contexts.clear()

    def _keep(self, tap: nn.Module, inputs: object, contexts_BTC: Tensor) -> None:  # noqa: ARG002 (a hook's form)
        if not torch.compiler.is_compiling():
            self._contexts[tap] = contexts_BTC.detach()

    def _look(self, name: str, activations: ActivationWatch, cell: Cell, inputs: Any, output: object) -> None:  # noqa: ARG002
        contexts_BTC = self._contexts.pop(cell.tap, None)
        if contexts_BTC is None or not torch.is_grad_enabled() or len(contexts_BTC) == 0:
            return
        x_BTD, state = inputs[0].detach(), inputs[1]
        before_BTC = torch.cat([state["context"].detach()[:, None], contexts_BTC[:, :-1]], dim=1)
        every = max(1, x_BTD.shape[0] * x_BTD.shape[1] // _POSITIONS)
        x_ND, before_NC = x_BTD.flatten(0, 1)[::every], before_BTC.flatten(0, 1)[::every]
        parts = [(own_name(f"{name}.{path}"), part) for path, part in cell.named_modules()]
        inside = [(path, part) for path, part in parts if path in self._layout.layers and part is not cell]
        handles = activations.watch(inside) + watch_gates(inside, activations.row)
        try:
            source_NS = torch.cat([x_ND, cell.read(before_NC)], dim=-1)
            cell.rule(cell.fnn(source_NS), source_NS)
        finally:
            for handle in handles:
                handle.remove()
