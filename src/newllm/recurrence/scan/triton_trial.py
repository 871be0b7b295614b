"""The scan's Triton kernels beside the scan in torch, on a small problem."""

import torch

from newllm.recurrence.scan import chunked
from newllm.recurrence.triton_here import that_differ

# Three chunks, and sizes that are divisible as those of most models are: what is compiled for it serves them too.
_SHAPE = (2, 96, 128)
_NAMES = ("contexts", "gradient of the decay", "gradient of the input", "gradient of the initial context")


def differences(device: str) -> list[str]:
    """Return the names of what differs from the scan in torch by more than rounding."""
    from newllm.recurrence.scan import triton_scan

    rows, positions, _ = _SHAPE
    wave = torch.arange(torch.Size(_SHAPE).numel(), device=device).view(_SHAPE).sin()  # leaves chance alone
    decay, added, initial = wave.abs(), wave.roll(1, dims=2), wave[:, 0].contiguous()
    reset = (torch.arange(positions, device=device) % 40 == 39).expand(rows, -1).contiguous()
    wrong = []
    for mask in (None, reset):
        contexts = chunked.forward(decay, added, initial, mask)
        expected = [contexts, *chunked.backward(added, decay, contexts, initial, mask)]
        found = [
            triton_scan.forward(decay, added, initial, mask),
            *triton_scan.backward(added, decay, contexts, initial, mask),
        ]
        wrong += that_differ(_NAMES, found, expected)
    return wrong
