"""What is measured of the forward pass on sampled steps only: opened before such a step, closed after it."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder import attention
from newllm.recorder.activations import ActivationWatch
from newllm.recorder.cell_watch import CellWatch
from newllm.recorder.functions import FunctionWatch
from newllm.recorder.gates import watch_gates
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Part, no_isolation
from newllm.recorder.latent_code import LatentCode
from newllm.recorder.layers import ROOT
from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row
from newllm.recorder.read_error import watch_read_errors


class SampledForward:
    """Activations, attention, gates and read errors of the training passes while it is open.

    Args:
        layout: the model's.
        part: what keeps the errors of each part from the training.

    Attributes:
        is_open: whether it is.
        latent: the code of a variational autoencoder, if it is one.
        has_seen_a_hook: whether a function that it watched put a hook on a tensor's gradient.
    """

    def __init__(self, layout: Layout, part: Part = no_isolation) -> None:
        self._attention, self._gates, self._reads = part("attention"), part("gates"), part("read errors")
        self._modules = list(layout.callable_modules())
        # A compiled part would be compiled once more for steps on which its functions are watched.
        self._watches_functions = not layout.compiled
        self._activations = ActivationWatch(layout, part("activations"))
        self._cells = CellWatch(layout, part("cell"))
        self._handles: list[RemovableHandle] = []
        self._mode: FunctionWatch | None = None
        self._row = Row()
        self.latent = LatentCode(part("targets"))
        self.is_open = self.has_seen_a_hook = False

    @property
    def has_seen_a_layer(self) -> bool:
        """Whether any layer was called while it was open."""
        return bool(self._activations.latest)

    def open(self, row: Row) -> None:
        """Hook the modules; what they show goes into the row."""
        self._row, self.is_open = row, True
        self._activations.open(row)
        self._cells.open(self._activations)
        self._handles = watch_gates(self._modules, row, self._gates)
        self._handles += watch_read_errors(self._modules, row, self._reads)
        for name, module in self._modules:
            if isinstance(module, nn.MultiheadAttention):
                look = self._attention(partial(self._multihead, name))
                self._handles.append(module.register_forward_hook(Hook(look), with_kwargs=True))

    def close(self) -> None:
        """Take every hook away."""
        self.leave()
        while self._handles:
            self._handles.pop().remove()
        self._cells.close()
        self._activations.close()
        self.is_open = False

    def enter(self) -> None:
        """The model is called: watch the functions that it calls."""
        if self.is_open and self._mode is None and self._watches_functions:
            looks = attention.functions(self._attended, self._attention) | self._activations.functions()
            looks |= self.latent.functions()
            looks |= dict.fromkeys((Tensor.register_hook, Tensor.retain_grad), self._hooked)
            self._mode = FunctionWatch(looks)
            self._mode.__enter__()

    def leave(self) -> None:
        """The model has returned, or raised."""
        if self._mode is not None:
            mode, self._mode = self._mode, None
            mode.__exit__(None, None, None)
        self._activations.forget()

    def _hooked(self, *_: Any, **__: Any) -> None:
        self.has_seen_a_hook = True

    def _attended(self, entropy: Tensor, logit: Tensor) -> None:
        name = self._activations.latest.rpartition(".")[0] or ROOT
        self._put_attention(name, entropy, logit)

    def _multihead(self, name: str, module: nn.MultiheadAttention, args: Any, kwargs: Any, output: object) -> None:  # noqa: ARG002
        if not torch.compiler.is_compiling() and torch.is_grad_enabled():
            with torch._C.DisableTorchFunction():
                attention.multihead(module, args, kwargs, partial(self._put_attention, name))

    def _put_attention(self, name: str, entropy: Tensor, logit: Tensor) -> None:
        self._row.put(f"attention_entropy/{name}", entropy)
        self._row.put(f"attention_logit/{name}", logit)
