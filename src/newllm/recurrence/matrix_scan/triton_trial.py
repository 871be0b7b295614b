"""The delta rule's Triton kernels beside torch's chunks, on a small problem, with one decay a head and one a key."""

import torch
import torch.nn.functional as F

from newllm.recurrence.matrix_scan import chunked, triton_operator
from newllm.recurrence.matrix_scan.steps import Steps
from newllm.recurrence.triton_here import that_differ

# Three chunks, two blocks of value channels, and widths that are divisible as those of most models are.
_ROWS, _POSITIONS, _HEADS, _KEYS, _VALUES = 1, 80, 2, 64, 128
_NAMES = ("readings", "last matrices", *(f"gradient of {name}" for name in (*Steps._fields, "the initial matrices")))


def differences(device: str) -> list[str]:
    """Return the names of what differs from the chunks in torch by more than rounding."""
    wrong = []
    reset = (torch.arange(_POSITIONS, device=device) % 50 == 49).expand(_ROWS, -1).contiguous()
    for decays, mask in ((1, None), (1, reset), (_KEYS, reset)):
        found, expected = (
            _results(forward, decays, mask, device) for forward in (triton_operator.forward, chunked.forward)
        )
        wrong += that_differ(_NAMES, found, expected)
    return wrong


def _results(forward, decays: int, reset, device: str) -> list[torch.Tensor]:
    shape = (_ROWS, _POSITIONS, _HEADS)
    lookup = F.normalize(_wave(*shape, _KEYS, device=device), dim=-1)
    value, query = (
        _wave(*shape, _VALUES, device=device),
        F.normalize(_wave(*shape, _KEYS, device=device).flip(1), dim=-1),
    )
    steps = Steps(query, 1.5 * lookup, value, lookup, -_wave(*shape, decays, device=device).abs())
    given = [*steps, _wave(_ROWS, _HEADS, _KEYS, _VALUES, device=device)]
    with torch.enable_grad():
        leaves = [tensor.requires_grad_() for tensor in map(torch.Tensor.detach, given)]
        readings, last = forward(Steps(*leaves[:-1]), leaves[-1], reset)
        gradients = torch.autograd.grad((readings * readings).sum() + (last * last).sum(), leaves)
    return [readings.detach(), last.detach(), *gradients]


def _wave(*shape: int, device: str) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), device=device).view(shape).sin()  # leaves chance alone
