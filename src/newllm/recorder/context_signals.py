"""The contexts of recurrent models: norm, mean and spread at the end of each row, norms by position, and growth.

Seen are our context taps, and the outputs of torch's RNN, GRU and LSTM. Of an LSTM, and of contexts that are
matrices, only the context after the last position leaves the module, so it has no signals by position. Matrices have
their effective rank besides.

Shapes: B rows, T positions, C channels, L layers, H heads, K keys, V values.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.model.context_summary import summed_up, wide
from newllm.model.context_tap import ContextTap, MatrixTap
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layers import stacked
from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row

_FEWEST_POSITIONS = 4
_SOURCES = (ContextTap, MatrixTap, nn.RNNBase)


class ContextSignals:
    """Watches the contexts of training passes while it is open.

    Args:
        layout: the model's.
        protect: keeps errors from the training.
    """

    def __init__(self, layout: Layout, protect: Protect = unprotected) -> None:
        self._protect = protect
        self._sources = [(n, m) for n, m in layout.callable_modules() if isinstance(m, _SOURCES)]
        self._handles: list[RemovableHandle] = []
        self._ends: dict[str, Tensor] = {}
        self._courses: dict[str, Tensor] = {}
        self._ranks: dict[str, Tensor] = {}
        self.sampled = False

    def open(self) -> None:
        """Hook every source of contexts."""
        for name, module in self._sources:
            see = self._see_torch if isinstance(module, nn.RNNBase) else self._see_tap
            see = self._see_matrices if isinstance(module, MatrixTap) else see
            self._handles.append(module.register_forward_hook(Hook(self._protect(partial(see, name)))))

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()

    def put(self, row: Row) -> None:
        """Put what was seen since the last call into the row: the mean over layers."""
        if self._ends:
            row.put_all(stacked(list(self._ends.values())).mean(dim=0), self._protect(end_signals))
        courses = list(self._courses.values())
        if courses and all(len(course) == len(courses[0]) for course in courses):
            row.put_all(stacked(courses).mean(dim=0), self._protect(course_signals))
        for name, rank in self._ranks.items():
            row.put(f"context_rank/{name.removesuffix('.tap')}", rank)
        for seen in (self._ends, self._courses, self._ranks):
            seen.clear()

    def _see_tap(self, name: str, module: nn.Module, inputs: object, contexts_BTC: Tensor) -> None:  # noqa: ARG002
        if not _training(module) or not contexts_BTC.numel():
            return
        contexts_BTC = contexts_BTC.detach()
        self._ends[name] = summed_up([contexts_BTC[:, -1]])
        if self.sampled:
            self._courses[name] = _lengths(contexts_BTC).mean(dim=0)

    def _see_matrices(self, name: str, module: nn.Module, inputs: object, matrices_BHKV: Tensor) -> None:  # noqa: ARG002
        if not _training(module) or not matrices_BHKV.numel():
            return
        self._ends[name] = summed_up([matrices_BHKV.detach()])
        if self.sampled:
            self._ranks[name] = effective_rank(matrices_BHKV.detach())

    def _see_torch(self, name: str, module: nn.RNNBase, inputs: object, output: Any) -> None:  # noqa: ARG002
        features, last = output
        is_lstm = isinstance(last, tuple)
        ends = last[1] if is_lstm else last
        if not _training(module) or not ends.numel():  # the last batch of a loop may be empty
            return
        self._ends[name] = summed_up([ends.flatten(0, -2)])
        if self.sampled and not is_lstm and isinstance(features, Tensor) and features.dim() == 3:
            self._courses[name] = _lengths(features.detach()).mean(dim=0 if module.batch_first else 1)


def effective_rank(matrices_BHKV: Tensor) -> Tensor:
    """Return the mean participation ratio of the squared singular values, `(sum s^2)^2 / sum s^4`.

    1 where a matrix holds one direction, its smaller width where it holds all equally. A matrix of zeros
    does not count: NaN where all are zero, or where a number is not finite.
    """
    matrices = wide(matrices_BHKV).flatten(0, 1)
    largest = matrices.abs().amax(dim=(-1, -2), keepdim=True)
    scaled = matrices / largest  # fourth powers leave the range of float32
    with torch.autocast(matrices.device.type, enabled=False):
        gram = scaled.transpose(-1, -2) @ scaled
    ranks = gram.diagonal(dim1=-1, dim2=-2).sum(dim=-1).square() / gram.square().sum(dim=(-1, -2))
    is_zero = largest[:, 0, 0] == 0
    return torch.where(is_zero, 0.0, ranks).sum() / (~is_zero).sum()


def end_signals(numbers: Sequence[float]) -> list[tuple[str, float]]:
    """Return mean, standard deviation and norm at the end of each row by signal name."""
    return list(zip(("context_mean", "context_std", "context_norm"), numbers, strict=True))


def course_signals(norms_T: Sequence[float]) -> list[tuple[str, float]]:
    """Return the norms after 1, 2, 4, ... positions, and the factor by which they grow.

    The factor is the geometric mean over the second half: the first positions, from a context of zeros, grow
    in any recurrence.
    """
    length = len(norms_T)
    signals = [(f"context_norm/position-{2**k}", norms_T[2**k - 1]) for k in range(length.bit_length())]
    half = length // 2
    if length >= _FEWEST_POSITIONS and (growth := _factor(norms_T[half - 1], norms_T[-1], length - half)) is not None:
        signals.append(("context_growth", growth))
    return signals


def _factor(start: float, end: float, positions: int) -> float | None:
    if start > 0 and end > 0 and math.isfinite(start) and math.isfinite(end):
        return math.exp((math.log(end) - math.log(start)) / positions)
    return None


def _training(module: nn.Module) -> bool:
    return not torch.compiler.is_compiling() and module.training and torch.is_grad_enabled()


def _lengths(contexts: Tensor) -> Tensor:
    return torch.linalg.vector_norm(contexts, dim=-1, dtype=torch.float32 if contexts.element_size() == 2 else None)
