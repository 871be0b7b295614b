"""What writes to a model's buffers, such as the statistics of a batch norm, where no forward pass does.

A forward pass may change a buffer, and an optimizer leaves it alone. So after an update the bits of each buffer are
added up, and again when the next forward pass with gradients begins. What a pass without gradients writes in between
(one in training mode, or a cache) is its own. What is put in for an evaluation and taken out again leaves the bits as
they were.

Limits: a change between that forward pass and the update is not seen. Left out are buffers that are no part of the
model's state, single numbers (a loop sets a temperature as it sets a learning rate), and those of parts that were
compiled.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.bits import bits, counted, has_numbers
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect
from newllm.recorder.layers import ROOT, stacked
from newllm.recorder.layout import Layout, own_name
from newllm.recorder.pending import Row

BUFFERS = "buffers_changed"


@dataclass(frozen=True, eq=False)  # a hash of thousands of parameters would cost more than the comparison
class Buffer:
    """One buffer of a model.

    Attributes:
        layer: path of the module that holds it.
        module: that holds it.
        key: its name there.
        parameters: of the nearest module around it that has any, by their index: it is frozen if all of them are.
    """

    layer: str
    module: nn.Module
    key: str
    parameters: tuple[int, ...]

    @property
    def name(self) -> str:
        """The signal of its change."""
        return f"{BUFFERS}/{self.layer}"

    @property
    def is_measured(self) -> bool:
        """Whether it holds numbers that may be measured: no mask, and no count."""
        found = self.module._buffers.get(self.key)
        return found is not None and found.is_floating_point()

    def tensor(self) -> Tensor | None:
        """Return it as it is now, None where there is none with numbers."""
        found = self.module._buffers.get(self.key)
        return found.detach() if has_numbers(found) else None


def buffers_of(layout: Layout) -> list[Buffer]:
    """Return the buffers that are watched, in the model's order."""
    index = {id(parameter): number for number, parameter in enumerate(layout.parameters)}
    modules = {own_name(name): module for name, module in layout.inner.named_modules()}
    followed = {id(module) for _, module in layout.callable_modules()}

    def around(layer: str) -> tuple[int, ...]:
        own = tuple(index[id(one)] for one in modules[layer].parameters() if id(one) in index)
        return own if own or layer == ROOT else around(layer.rpartition(".")[0] or ROOT)

    return [
        Buffer(layer, module, key, around(layer))
        for layer, module in modules.items()
        if ROOT in layout.compiled or id(module) in followed
        for key, buffer in module._buffers.items()
        if buffer is not None and buffer.numel() > 1 and key not in module._non_persistent_buffers_set
    ]


class BufferWatch:
    """Holds the buffers after an update against those before the next forward pass.

    Args:
        layout: the model's.
        protect: keeps errors from the training.

    Attributes:
        buffers: that are watched.
        spent: processor seconds of the latest comparison.
    """

    def __init__(self, layout: Layout, protect: Protect) -> None:
        self._layout, self._protect = layout, protect
        self.buffers: list[Buffer] = []
        self._handles: list[RemovableHandle] = []
        self._marked: dict[Buffer, Tensor] = {}
        self._found: tuple[list[Buffer], Tensor] | None = None
        self.spent = 0.0
        self._within = False
        self._versions: dict[Buffer, tuple[int, int]] = {}

    def open(self) -> None:
        """Hook the model, and the modules that have buffers: a loop may call these by themselves."""
        self.buffers = buffers_of(self._layout)
        if not self.buffers:
            return
        hook = self._handles.append
        hook(self._layout.root.register_forward_pre_hook(Hook(self._guarded(self._enters))))
        hook(self._layout.root.register_forward_hook(Hook(self._guarded(self._leaves)), always_call=True))
        for module in {id(one.module): one.module for one in self.buffers}.values():
            if ROOT not in self._layout.compiled and module is not self._layout.root:
                hook(module.register_forward_pre_hook(Hook(self._guarded(self._part_enters))))

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()

    def mark(self, buffers: Sequence[Buffer]) -> None:
        """Add up the bits of these; call it after an update."""
        now = {one: one.tensor() for one in buffers}
        self._marked = {one: bits(tensor) for one, tensor in now.items() if tensor is not None}

    def put(self, row: Row) -> None:
        """Put what was seen since the last update into the row of this one."""
        found, self._found, self._marked = self._found, None, {}
        if found is not None:
            row.put_all(found[1].float(), self._protect(partial(counted, [one.name for one in found[0]])))

    def _guarded(self, look: Callable[[], None]) -> Callable[..., None]:
        protected = self._protect(look)

        def hook(*_: Any) -> None:
            # The question first: what is compiled would be compiled anew whenever the marks come or go.
            if not torch.compiler.is_compiling() and self._marked:
                protected()

        return hook

    def _enters(self) -> None:
        """The model is called."""
        if torch.is_grad_enabled():
            self._compare()
        else:
            self._within = True
            # Norms in training mode write their statistics without a trace in the version.
            self._versions = {one: _version(one) for one in self._marked if not one.module.training}

    def _leaves(self) -> None:
        """The model returns from a pass without gradients: what that wrote is its own."""
        if self._within:
            self._within = False
            self._marked = {one: mark for one, mark in self._marked.items() if self._versions.get(one) == _version(one)}

    def _part_enters(self) -> None:
        """A module is called: by the model, which has looked already, or by the loop itself."""
        if self._within:
            return
        if torch.is_grad_enabled():
            self._compare()
        self._marked = {}

    @torch.no_grad()
    def _compare(self) -> None:
        began = time.thread_time()
        marked, self._marked = self._marked, {}
        if next(self._layout.inner.parameters()) is not self._layout.parameters[0]:
            return  # the model is called with other weights and buffers in place of its own
        now = [bits(tensor) if (tensor := one.tensor()) is not None else before + 1 for one, before in marked.items()]
        self._found = list(marked), stacked(now) != stacked(list(marked.values()))
        self.spent = time.thread_time() - began


def _version(buffer: Buffer) -> tuple[int, int]:
    found = buffer.module._buffers.get(buffer.key)
    return id(found), 0 if found is None or found.is_inference() else found._version
