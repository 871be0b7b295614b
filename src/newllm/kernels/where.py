"""Where a fused kernel can run, and in which precision it writes."""

import functools
import importlib.util

import torch
from torch import Tensor
from torch.autograd import forward_ad

FUSED_DTYPES = (torch.float32, torch.bfloat16)


def can_fuse(*tensors: Tensor) -> bool:
    """Return whether kernels can run on these tensors: on the CPU, in float32 or bfloat16, with numba there.

    Not inside a function transform, forward-mode differentiation or a compiled graph: those need torch's own
    operations.
    """
    return (
        all(tensor.dtype in FUSED_DTYPES and tensor.device.type == "cpu" for tensor in tensors)
        and _has_numba()
        and not torch.compiler.is_compiling()
        and torch._C._functorch.peek_interpreter_stack() is None
        and forward_ad._current_level < 0
    )


def written_dtype(like: Tensor) -> torch.dtype:
    """Return the dtype in which a product would take this: autocast's where it is on, else the tensor's own."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else like.dtype


@functools.cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
