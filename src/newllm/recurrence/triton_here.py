"""Can Triton run here? It takes more than an import: a driver, a C compiler, Python's headers, and the right numbers.

So kernels are tried, once a process and device, on a small problem that torch computes too.
"""

import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

Trial = Callable[[str], list[str]]
"""Runs kernels and torch on a device, and returns the names of what differs."""


def why_not(device: torch.device | str, trial: Trial) -> str | None:
    """Return why some Triton kernels cannot run on a device, as the end of a sentence; None where they can.

    On the CPU they run through Triton's interpreter only, slowly, for tests: TRITON_INTERPRET=1 must be set before
    Triton is imported.
    """
    if importlib.util.find_spec("triton") is None:
        return "needs Triton: pip install triton, or take backend torch"
    if torch.device(device).type == "cuda":
        return why_not_after_trial(str(device), trial)
    if torch.device(device).type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return f"runs on a CUDA device, not on '{device}': take backend torch"


@cache
def why_not_after_trial(device: str, trial: Trial) -> str | None:
    """Return why the kernels do not run on a device, or compute other numbers there than torch; None if neither."""
    try:
        wrong = ", ".join(dict.fromkeys(trial(device)))
    except Exception as error:  # whatever a compiler, a header or a driver that is not there makes it raise
        told = next(iter(str(error).splitlines()), "")
        return f"does not run on '{device}' ({type(error).__name__}: {told}): mend that, or take backend torch"
    return f"computes other numbers than torch on '{device}' ({wrong}): take backend torch" if wrong else None


def that_differ(names: Sequence[str], found: Sequence[Tensor], expected: Sequence[Tensor]) -> list[str]:
    """Return the names of what differs by more than rounding."""
    pairs = zip(names, found, expected, strict=True)
    return [name for name, a, b in pairs if not torch.allclose(a, b, rtol=1e-4, atol=1e-4)]
