"""Whether weights of 16 bits take their updates: an update below half a step of the format is rounded away.

bfloat16 has 8 bits of precision, so a weight of 1 moves by 0.0078 or not at all. Of each such tensor some numbers,
evenly spread, are held against what they were at the first sampled update. What has a gradient and never moves is lost.
An optimizer that keeps weights of 32 bits beside them, or rounds by chance, moves each of them in time.
"""

import torch
from torch import Tensor

from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layers import stacked
from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row

_HALF = (torch.bfloat16, torch.float16)
_MOST_NUMBERS = 4096  # of a tensor
_MOSTLY = 0.5  # of the looks a number must have had a gradient to be counted


class RoundingWatch:
    """Looks at the weights right after sampled updates.

    Args:
        layout: the model's.
        protect: keeps errors from the training.
    """

    def __init__(self, layout: Layout, protect: Protect = unprotected) -> None:
        self._layout, self._protect = layout, protect
        self._first: dict[int, Tensor] = {}
        self._pulled: dict[int, Tensor] = {}
        """By parameter, at how many looks each of the numbers had a gradient."""
        self._looks = 0

    @torch.no_grad()
    def after(self, row: Row) -> None:
        """Record which share of the numbers stands where it stood at the first look; nothing of weights of 32 bits."""
        held = {at: one for at, one in enumerate(self._layout.parameters) if _is_half(one)}
        if not held:
            return
        self._looks += 1
        still, counted = [], []
        for at, parameter in held.items():
            now, pull = _some(parameter.detach()), _some(parameter.grad.detach()) != 0  # type: ignore[union-attr]
            if at not in self._first or self._first[at].shape != now.shape:
                self._first[at], self._pulled[at] = now.clone(), pull.float()
                continue
            self._pulled[at] += pull
            judged = self._pulled[at] >= _MOSTLY * self._looks
            still.append((judged & (now == self._first[at])).sum().float())
            counted.append(judged.sum().float())
        if still:
            row.put_all(stacked([*still, *counted]), self._protect(_share))


def _share(numbers: list[float]) -> list[tuple[str, float]]:
    still, counted = (sum(half) for half in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]))
    return [("weights_still", still / counted)] if counted else []


def _is_half(parameter: Tensor) -> bool:
    gradient = parameter.grad
    return parameter.requires_grad and parameter.dtype in _HALF and gradient is not None and not gradient.is_sparse


def _some(tensor: Tensor) -> Tensor:
    flat = tensor.reshape(-1)
    return flat[:: -(-flat.numel() // _MOST_NUMBERS)] if flat.numel() else flat
