"""How long each layer's weights are, how far an update moves them, and whether Adam knows its gradients.

`second_moment_mismatch` is the root mean square of g / sqrt(v) over a layer, g the gradient and v the
optimizer's running mean of g^2 with its bias taken out, both after the update: about 1 while the gradients
are what they were, far above when v lags behind them (Wortsman et al. 2023, arXiv:2304.13013, there RMS).
"""

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from newllm.recorder.gradients import euclidean
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layers import alike, stacked
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.pending import Row
from newllm.recorder.tensors import TENSORS, Tensors

_SMALLEST_SECOND_MOMENT = 1e-16  # the square of Adam's usual eps


class WeightWatch:
    """Measures sampled updates. It holds a copy of the trained weights from the first of them on.

    Args:
        layout: the model's.
        optimizers: asked for second moments.
        protect: keeps errors from the training.
        tensors: how they are measured.
    """

    def __init__(
        self, layout: Layout, optimizers: Optimizers, protect: Protect = unprotected, tensors: Tensors = TENSORS
    ) -> None:
        self._layout, self._optimizers, self._protect, self._tensors = layout, optimizers, protect, tensors
        self._old: list[Tensor] = []
        self._watched: list[int] = []
        self._lengths: Tensor | None = None

    @torch.no_grad()
    def before(self) -> None:
        """Keep the weights; call it right before an update."""
        parameters = self._layout.parameters
        watched = [index for index, parameter in enumerate(parameters) if parameter.requires_grad]
        weights = self._weights(watched)
        if watched != self._watched or not alike(self._old, weights):
            self._watched, self._old = watched, [torch.empty_like(weight) for weight in weights]
        if weights:
            torch._foreach_copy_(self._old, weights)
            self._lengths = self._tensors.norms(self._old, [parameters[index] for index in watched])

    @torch.no_grad()
    def after(self, row: Row, *, moments: bool = True) -> None:
        """Put the signals of the update into the row; call it right after it. Does nothing without a `before`.

        Args:
            row: of the step.
            moments: compare the gradients with the optimizer's second moments too, which costs as much as the rest.
        """
        if self._lengths is None:
            return
        torch._foreach_sub_(self._old, self._weights(self._watched))
        moved = self._tensors.norms(self._old, [self._layout.parameters[index] for index in self._watched])
        signals = self._protect(partial(self._signals, self._watched))
        row.put_all(torch.cat([self._lengths, moved.to(self._lengths.device)]), signals)
        self._lengths = None
        if moments:
            self._mismatch(row)

    def _weights(self, watched: Sequence[int]) -> list[Tensor]:
        return [self._tensors.own(self._layout.parameters[index].detach()) for index in watched]

    def _signals(self, watched: Sequence[int], numbers: Sequence[float]) -> list[tuple[str, float]]:
        """Return the signals of the parameters that were watched: others may be by the time that numbers are read."""
        half = len(numbers) // 2
        pairs = zip(watched, numbers[:half], numbers[half:], strict=True)
        measured = {i: (self._layout.parameters[i].dim(), length, move) for i, length, move in pairs}
        signals = []
        for name, own in self._layout.group(measured):
            length, move = _together(own, 1), _together(own, 2)
            signals += [(f"weight_norm/{name}", length), (f"update_norm/{name}", move)]
            # A layer is judged by its matrices: a bias of nearly nothing moves by any part of itself.
            judged = [part for part in own if part[0] > 1] or own
            if (judged_length := _together(judged, 1)) != 0:
                signals.append((f"update_ratio/{name}", _together(judged, 2) / judged_length))
        return signals

    def _mismatch(self, row: Row) -> None:
        found, parameters = _second_moments(self._optimizers), self._layout.parameters
        measured = [
            (index, one, gradient, *found[id(one)])
            for index in self._watched
            if id(one := parameters[index]) in found and (gradient := one.grad) is not None and not gradient.is_sparse
        ]
        if not measured:
            return
        own, old = self._tensors.own, dict(zip(self._watched, self._old, strict=True))
        whitened = (_whitened(own(gradient), own(moment), old[index]) for index, _, gradient, moment, _ in measured)
        lengths = self._tensors.norms_in_turn(whitened, [one for _, one, *_ in measured])
        ratios = [
            length * (correction.to(length.device) if isinstance(correction, Tensor) else correction)
            for length, (*_, correction) in zip(lengths.unbind(), measured, strict=True)
        ]
        indices, sizes = [one[0] for one in measured], [one[1].numel() for one in measured]
        row.put_all(stacked(ratios), self._protect(partial(self._mismatches, indices, sizes)))

    def _mismatches(
        self, indices: Sequence[int], sizes: Sequence[int], numbers: Sequence[float]
    ) -> list[tuple[str, float]]:
        measured = dict(zip(indices, zip(sizes, numbers, strict=True), strict=True))
        return [
            (f"second_moment_mismatch/{name}", _together(own, 1) / math.sqrt(sum(part[0] for part in own)))
            for name, own in self._layout.group(measured)
        ]


def _whitened(gradient: Tensor, moment: Tensor, scratch: Tensor) -> Tensor:
    """Return g / sqrt(v), in memory that is there and still in the cache."""
    if (scratch.dtype, scratch.shape, scratch.device) != (moment.dtype, moment.shape, moment.device):
        scratch = torch.empty_like(moment)
    torch.clamp(moment, min=_SMALLEST_SECOND_MOMENT, out=scratch)
    return scratch.rsqrt_().mul_(gradient.to(moment.device))


def _second_moments(optimizers: Optimizers) -> dict[int, tuple[Tensor, float | Tensor]]:
    """Return Adam's running mean of g^2 for each parameter, and what takes the bias out of 1 / sqrt(v)."""
    found: dict[int, tuple[Tensor, float | Tensor]] = {}
    for optimizer, group in optimizers.groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            moment, count, betas = state.get("exp_avg_sq"), state.get("step"), group.get("betas")
            if isinstance(moment, Tensor) and moment.shape == parameter.shape and betas and count is not None:
                found[id(parameter)] = moment, _correction(betas[1], count)
    return found


def _correction(decay: float | Tensor, count: float | Tensor) -> float | Tensor:
    if isinstance(count, Tensor) and count.device.type != "cpu":
        return (1 - decay**count).sqrt()
    return math.sqrt(1 - float(decay) ** float(count))


def _together(parts: Sequence[tuple[float, ...]], index: int) -> float:
    return euclidean([part[index] for part in parts])
