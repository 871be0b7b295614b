"""The scan compiled for the CPU with numba: one loop over time, vectorised over channels.

It reads and writes each array once, so that it runs at about the speed of a memory copy. Each element is
computed by one thread in the order of time, so that the bits do not depend on the number of threads.
"""

from typing import Any

import torch
from torch import Tensor

from newllm.kernels import loops, threads
from newllm.kernels.memory import array


def forward(decay: Tensor, input: Tensor, initial: Tensor, reset: Tensor | None) -> Tensor:
    """Return every context `[B, T, C]`."""
    contexts = torch.empty_like(input)
    _run(loops.scan, [decay, input, initial, _mask(reset), contexts], input)
    return contexts


def backward(
    gradient: Tensor, decay: Tensor, contexts: Tensor, initial: Tensor, reset: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of decay, input and initial."""
    d_decay, d_input, d_initial = torch.empty_like(decay), torch.empty_like(decay), torch.empty_like(initial)
    tensors = [gradient, decay, contexts, initial, _mask(reset), d_decay, d_input, d_initial]
    _run(loops.scan_backward, tensors, decay)
    return d_decay, d_input, d_initial


def _mask(reset: Tensor | None) -> Tensor:
    return torch.empty((0, 0), dtype=torch.bool) if reset is None else reset


def _run(kernel: Any, tensors: list[Tensor], like: Tensor) -> None:
    threads.run(kernel, [array(tensor) for tensor in tensors], threads.by_channels(*like.shape))
