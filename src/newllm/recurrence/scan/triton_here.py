"""Can Triton run here? It takes more than an import: a driver, a C compiler, Python's headers, and the right numbers.

So it is tried, once a process and device, on a small problem that the scan in torch computes too.
"""

import importlib.util
import os
from functools import cache

import torch
from torch import Tensor

from newllm.recurrence.scan import chunked

# Three chunks, and sizes that are divisible as those of most models are: what is compiled for it serves them too.
_SHAPE = (2, 96, 128)
_NAMES = ("contexts", "gradient of the decay", "gradient of the input", "gradient of the initial context")


def why_not(device: torch.device | str) -> str | None:
    """Return why the Triton scan cannot run on a device, as the end of a sentence; None where it can.

    On the CPU it runs through Triton's interpreter only, slowly, for tests: TRITON_INTERPRET=1 must be set before
    Triton is imported.
    """
    if importlib.util.find_spec("triton") is None:
        return "needs Triton: pip install triton, or take backend torch"
    if torch.device(device).type == "cuda":
        return why_not_after_trial(str(device))
    if torch.device(device).type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return f"runs on a CUDA device, not on '{device}': take backend torch"


@cache
def why_not_after_trial(device: str) -> str | None:
    """Return why the kernels do not run on a device, or compute other numbers there than torch; None if neither."""
    try:
        wrong = _differences(device)
    except Exception as error:  # whatever a compiler, a header or a driver that is not there makes it raise
        told = next(iter(str(error).splitlines()), "")
        return f"does not run on '{device}' ({type(error).__name__}: {told}): mend that, or take backend torch"
    return f"computes other numbers than torch on '{device}' ({wrong}): take backend torch" if wrong else None


def _differences(device: str) -> str:
    """Return what differs from the scan in torch by more than rounding, "" where nothing does."""
    from newllm.recurrence.scan import triton_scan

    rows, positions, _ = _SHAPE
    wave = torch.arange(torch.Size(_SHAPE).numel(), device=device).view(_SHAPE).sin()  # leaves chance alone
    decay, added, initial = wave.abs(), wave.roll(1, dims=2), wave[:, 0].contiguous()
    reset = (torch.arange(positions, device=device) % 40 == 39).expand(rows, -1).contiguous()
    wrong = []
    for mask in (None, reset):
        contexts = chunked.forward(decay, added, initial, mask)
        expected = [contexts, *chunked.backward(added, decay, contexts, initial, mask)]
        got = [
            triton_scan.forward(decay, added, initial, mask),
            *triton_scan.backward(added, decay, contexts, initial, mask),
        ]
        wrong += [name for name, a, b in zip(_NAMES, got, expected, strict=True) if not _close(a, b)]
    return ", ".join(dict.fromkeys(wrong))


def _close(got: Tensor, expected: Tensor) -> bool:
    return torch.allclose(got, expected, rtol=1e-4, atol=1e-4)
