"""The seconds that a rank needs by itself in a step, while it waits for no other.

In DistributedDataParallel the ranks meet in the backward pass, and before a forward pass where there are buffers, so
that whole steps take all of them equally long. What is a rank's own is the time until the model is called (the batch is
read), and that of the first forward pass inside the wrapper. It is the processor's time: what was handed to a GPU may
still run.

Limit: ranks that meet inside the forward pass (SyncBatchNorm) wait there; of such a model the reading alone is timed.
"""

import time
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.hook import Hook


class RankSeconds:
    """Measures a rank's own time of each step.

    Args:
        root: the model as it is called; of one without DistributedDataParallel nothing is measured.
    """

    def __init__(self, root: nn.Module) -> None:
        self._began: float | None = None
        self._called: float | None = None
        self._seconds: float | None = None
        self._handles: list[RemovableHandle] = []
        if not isinstance(root, nn.parallel.DistributedDataParallel):
            return
        self._handles.append(root.register_forward_pre_hook(Hook(self._reads_no_more)))
        if not any(isinstance(one, nn.SyncBatchNorm) for one in root.modules()):
            self._handles.append(root.module.register_forward_pre_hook(Hook(self._computes)))
            self._handles.append(root.module.register_forward_hook(Hook(self._has_computed)))

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()

    def taken(self) -> float | None:
        """Return the seconds of the step that ends now; None where they are not known."""
        found, self._seconds = self._seconds, None
        return found

    def begin(self) -> None:
        """Begin the next step."""
        self._began, self._called = time.perf_counter(), None

    def _reads_no_more(self, model: nn.Module, inputs: Any) -> None:  # noqa: ARG002 (a hook's form)
        if self._began is not None and _trains(model):
            self._seconds, self._began = time.perf_counter() - self._began, None

    def _computes(self, model: nn.Module, inputs: Any) -> None:  # noqa: ARG002 (a hook's form)
        if self._seconds is not None and _trains(model) and self._called is None:
            self._called = time.perf_counter()

    def _has_computed(self, model: nn.Module, inputs: Any, outputs: Any) -> None:  # noqa: ARG002 (a hook's form)
        if self._seconds is not None and self._called and _trains(model):
            self._seconds += time.perf_counter() - self._called
            self._called = 0.0  # once a step


def _trains(model: nn.Module) -> bool:
    return not torch.compiler.is_compiling() and model.training and torch.is_grad_enabled()
