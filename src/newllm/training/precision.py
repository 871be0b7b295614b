"""Precision: fp32, or bf16 autocast around the forward pass with weights and context in fp32."""

import contextlib

import torch


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """Return the context in which a forward pass runs.

    Args:
        device: where the model is.
        precision: "fp32" or "bf16".
    """
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
