"""The seconds that a rank needs by itself in a step, before it waits for any other.

In DistributedDataParallel the ranks meet in the backward pass, so that whole steps take all of them equally long. What
is a rank's own is the time before: the batch is read, and the first forward pass runs. It is the processor's time: what
was handed to a GPU may still run.
"""

import time
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.hook import Hook


class RankSeconds:
    """Measures the time from the end of a step to that of the next forward pass that trains.

    Args:
        root: the model as it is called; of one without DistributedDataParallel nothing is measured.
    """

    def __init__(self, root: nn.Module) -> None:
        self._began: float | None = None
        self._seconds: float | None = None
        self._handle: RemovableHandle | None = None
        if isinstance(root, nn.parallel.DistributedDataParallel):
            self._handle = root.register_forward_hook(Hook(self._called))

    def close(self) -> None:
        """Take the hook away."""
        if self._handle is not None:
            self._handle.remove()

    def taken(self) -> float | None:
        """Return the seconds of the step that ends now; None where they are not known."""
        found, self._seconds = self._seconds, None
        return found

    def begin(self) -> None:
        """Begin the next step."""
        self._began = time.perf_counter()

    def _called(self, model: nn.Module, inputs: Any, outputs: Any) -> None:  # noqa: ARG002 (a hook's form)
        if torch.compiler.is_compiling() or self._began is None or self._seconds is not None:
            return
        if model.training and torch.is_grad_enabled():
            self._seconds = time.perf_counter() - self._began
