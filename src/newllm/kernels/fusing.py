"""Where a fused kernel can run, and in which precision it writes."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

from newllm.kernels.processor import has_numba

FUSED_DTYPES = (torch.float32, torch.bfloat16)

WORTH_FUSING: int = 16
"""Positions of all rows from which kernels run where no gradient is asked for.

For fewer the Python around a kernel takes longer than torch's own operations: with it a step of one token takes a
quarter to a half longer. They are level from about 128 positions on (`benchmarks/decoding_speed/few_positions.py`).
"""


def can_fuse(*tensors: Tensor) -> bool:
    """Return whether kernels can run on these tensors: on the CPU, in float32 or bfloat16, with numba there.

    Not inside a function transform, forward-mode differentiation or a compiled graph: those need torch's own
    operations.
    """
    return (
        all(tensor.dtype in FUSED_DTYPES and tensor.device.type == "cpu" for tensor in tensors)
        and has_numba()
        and not torch.compiler.is_compiling()
        and torch._C._functorch.peek_interpreter_stack() is None
        and forward_ad._current_level < 0
    )


def should_fuse(x: Tensor, *others: Tensor) -> bool:
    """Return whether kernels are to run: they can, and gradients are asked for or positions are not few.

    It hangs on nothing but shapes, so that a text gone on with from a file gives the bits of the text in one go.

    Args:
        x: its last axis are channels, all others positions.
        others: what else the kernel would be given.
    """
    if not torch.is_grad_enabled() and x.numel() < WORTH_FUSING * x.shape[-1]:
        return False
    return can_fuse(x, *others)


def written_dtype(like: Tensor) -> torch.dtype:
    """Return the dtype in which a product would take this: autocast's where it is on, else the tensor's own."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else like.dtype
