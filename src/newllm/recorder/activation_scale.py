"""How large the outputs of each layer are, by forward hooks; for any torch model."""

import functools
import math
from typing import Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.activations import first_tensor
from newllm.recorder.hook import Hook
from newllm.recorder.layers import ROOT, norm, own_parameters, read


class ActivationScale:
    """Root mean square of what each layer returns, over all its calls while it is open.

        with ActivationScale(model) as scale:
            model(batch)
        scale.rms()

    Of an output that is a tuple or a mapping the first tensor counts. Padded positions count as all others.

    It sees what a module's own call returns, and nothing else. It cannot see a layer whose weights are used
    without calling it: by an autograd function that fuses a whole cell, by torch's own attention (the output
    projection), by torch's fast path of a Transformer layer in evaluation, or by a graph that was compiled
    before the hooks came. Such a layer is left out; if it is called elsewhere too, only those calls count.
    So measure on a pass that calls the modules. Our cell leaves its fused pass while it is hooked, which is
    slower and rounds otherwise: open this around evaluations, not around updates that must replay to the bit.

    Args:
        model: hooked while open; the hooks are gone afterwards, whatever was raised inside.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._handles: list[RemovableHandle] = []
        self._norms: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def __enter__(self) -> Self:
        for name, module in self._model.named_modules():
            if own_parameters(module):
                see = functools.partial(self._see, name or ROOT)
                self._handles.append(module.register_forward_hook(Hook(see)))
        return self

    def __exit__(self, *_: object) -> None:
        while self._handles:
            self._handles.pop().remove()

    def rms(self) -> dict[str, float]:
        """Return each layer's root mean square so far; a layer that was never called is left out."""
        names = list(self._norms)
        norms = read([self._norms[name] for name in names])
        return {name: value / math.sqrt(self._counts[name]) for name, value in zip(names, norms, strict=True)}

    @torch.no_grad()
    def _see(self, name: str, module: nn.Module, inputs: object, output: object) -> None:  # noqa: ARG002 (a hook's form)
        value = first_tensor(output)
        if value is None or value.numel() == 0:
            return
        now = norm(value.detach())
        # hypot rather than a sum of squares: it overflows only where the norm itself does.
        self._norms[name] = torch.hypot(self._norms[name], now) if name in self._norms else now
        self._counts[name] = self._counts.get(name, 0) + value.numel()
