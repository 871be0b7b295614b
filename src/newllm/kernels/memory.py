"""Memory as compiled code takes it: a tensor's own as an array, and new memory that begins at a cache line."""

import ctypes
from typing import Any

import numpy as np
import torch
from torch import Tensor

LINE = 64  # bytes of a cache line, and of a vector of AVX-512


def array(tensor: Tensor) -> Any:
    """Return a tensor's memory as numpy; bfloat16, which numpy does not know, as the integers that it is kept in."""
    tensor = tensor.detach()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


def borrowed(weight: Tensor) -> Any:
    """Return a weight's memory as numpy, float32, contiguous, only for as long as the weight is there.

    A view by `Tensor.numpy` would forbid torch to free that memory for good, as it does between the uses of a weight
    that is shared out over several processes (`torch.distributed.fsdp`).
    """
    memory: Any = (ctypes.c_float * weight.numel()).from_address(weight.data_ptr())
    return np.frombuffer(memory, np.float32).reshape(weight.shape)


def rows(tensor: Tensor) -> Any:
    """Return `array` of the tensor `[positions, channels]`: its last axis are channels, all others positions."""
    return array(tensor.reshape(-1, tensor.shape[-1]))


def aligned(count: int, dtype: Any = np.uint8) -> np.ndarray:
    """Return `count` numbers of any values that begin at a cache line.

    From numpy, which asks for huge pages: small ones miss the processor's table of addresses.
    """
    size = count * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, np.uint8)
    return memory[-memory.ctypes.data % LINE :][:size].view(dtype)
