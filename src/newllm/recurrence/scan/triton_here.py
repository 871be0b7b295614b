"""Can Triton run here? It takes more than an import: a driver, a C compiler, Python's headers."""

import importlib.util
import os
from functools import cache

import torch


def why_not(device: torch.device | str) -> str | None:
    """Return why the Triton scan cannot run on a device, as the end of a sentence; None where it can.

    On the CPU it runs through Triton's interpreter only, slowly, for tests: TRITON_INTERPRET=1 must be set before
    Triton is imported.
    """
    if importlib.util.find_spec("triton") is None:
        return "needs Triton: pip install triton, or take backend torch"
    if torch.device(device).type == "cuda":
        return _why_not_on(str(device))
    if torch.device(device).type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return f"runs on a CUDA device, not on '{device}': take backend torch"


@cache
def _why_not_on(device: str) -> str | None:
    """Compile a kernel and run it once: 1 * 1 + 1."""
    try:
        from newllm.recurrence.scan import triton_scan

        one = torch.ones(1, 1, 1, device=device)
        answer = triton_scan.forward(one, one, one[:, 0], None).item()
    except Exception as error:  # whatever a compiler, a header or a driver that is not there makes it raise
        told = next(iter(str(error).splitlines()), "")
        return f"does not run on '{device}' ({type(error).__name__}: {told}): mend that, or take backend torch"
    return None if answer == 2 else f"computes 1 * 1 + 1 = {answer} on '{device}': take backend torch"
