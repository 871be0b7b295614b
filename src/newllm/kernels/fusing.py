"""Where a fused kernel can run, and in which precision it writes."""

import torch
from torch import Tensor
from torch._C._functorch import TransformType
from torch.autograd import forward_ad

from newllm.kernels.operators import is_transformed
from newllm.kernels.processor import has_numba

FUSED_DTYPES = (torch.float32, torch.bfloat16)

WORTH_FUSING: int = 16
"""Positions of all rows from which kernels run where no gradient is asked for.

For fewer the Python around a kernel takes longer than torch's own operations: with it a step of one token takes a
quarter to a half longer. They are level from about 128 positions on (`benchmarks/decoding_speed/few_positions.py`).
"""


def can_fuse(*tensors: Tensor) -> bool:
    """Return whether kernels can run on these tensors: on the CPU, in float32 or bfloat16, with numba there.

    Not inside forward-mode differentiation or a function transform but a single `torch.func.grad`: those need torch's
    own operations.
    """
    return (
        all(tensor.dtype in FUSED_DTYPES and tensor.device.type == "cpu" for tensor in tensors)
        and has_numba()
        and is_left_alone()
    )


def is_left_alone() -> bool:
    """Return whether nothing looks into operations that kernels do not have inside: no transform but one gradient."""
    return forward_ad._current_level < 0 and (not is_transformed() or is_gradient())


def is_gradient() -> bool:
    """Return whether a single gradient is all that is transformed; inside of a graph nobody can tell."""
    levels = [] if torch.compiler.is_compiling() else torch._C._functorch.get_interpreter_stack() or []
    return [level.key() for level in levels] == [TransformType.Grad]


def should_fuse(x: Tensor, *others: Tensor) -> bool:
    """Return whether kernels are to run: they can, and gradients are asked for or positions are not few.

    It hangs on nothing but shapes, so that a text gone on with from a file gives the bits of the text in one go. An
    exported model has kernels for any number of positions.

    Args:
        x: its last axis are channels, all others positions.
        others: what else the kernel would be given.
    """
    if not torch.is_grad_enabled() and not torch.compiler.is_exporting() and x.numel() < WORTH_FUSING * x.shape[-1]:
        return False
    return can_fuse(x, *others)


def written_dtype(given: torch.dtype) -> torch.dtype:
    """Return the dtype in which a product would take a tensor of this one: autocast's where it is on, else its own."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else given
