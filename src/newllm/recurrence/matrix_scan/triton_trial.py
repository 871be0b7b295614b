"""The delta rule's Triton kernels beside torch's chunks, on a small problem, with one decay a head and one a key."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.recurrence.matrix_scan import chunked, triton_operator
from newllm.recurrence.matrix_scan.steps import Steps
from newllm.recurrence.triton_here import that_differ

# Two chunks, two blocks of value channels, and widths that are divisible as those of most models are.
_ROWS, _POSITIONS, _HEADS, _KEYS, _VALUES = 1, 40, 1, 64, 64
_NAMES = ("readings", "last matrices", *(f"gradient of {name}" for name in (*Steps._fields, "the initial matrices")))


def differences(device: str) -> list[str]:
    """Return the names of what differs from the chunks in torch by more than rounding."""
    wrong = []
    reset = (torch.arange(_POSITIONS, device=device) % 30 == 29).expand(_ROWS, -1).contiguous()
    for decays, mask in ((1, None), (1, reset), (_KEYS, reset)):
        found, expected = (
            _results(forward, decays, mask, device) for forward in (triton_operator.forward, chunked.forward)
        )
        wrong += that_differ(_NAMES, found, expected)
    return wrong


def _results(
    forward: Callable[..., tuple[Tensor, Tensor]], decays: int, reset: Tensor | None, device: str
) -> list[Tensor]:
    shape = (_ROWS, _POSITIONS, _HEADS)
    lookup = F.normalize(_wave(*shape, _KEYS, device=device), dim=-1)
    value, log_decay = _wave(*shape, _VALUES, device=device), -_wave(*shape, decays, device=device).abs()
    steps = Steps(lookup.flip(1), 1.5 * lookup, value, lookup, log_decay)
    given = [*steps, _wave(_ROWS, _HEADS, _KEYS, _VALUES, device=device)]
    with torch.enable_grad():
        leaves = [tensor.requires_grad_() for tensor in map(Tensor.detach, given)]
        readings, last = forward(Steps(*leaves[:-1]), leaves[-1], reset)
        gradients = torch.autograd.grad((readings * readings).sum() + (last * last).sum(), leaves)
    return [readings.detach(), last.detach(), *gradients]


def _wave(*shape: int, device: str) -> Tensor:
    return torch.arange(torch.Size(shape).numel(), device=device).view(shape).sin()  # leaves chance alone
