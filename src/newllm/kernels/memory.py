"""Memory as compiled code takes it: a tensor's own as an array, and new memory that begins at a cache line."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

LINE = 64  # bytes of a cache line, and of a vector of AVX-512
_NOWHERE = np.empty((0, 0), dtype=np.bool_)


def array(tensor: Tensor) -> Any:
    """Return a tensor's memory as numpy; bfloat16, which numpy does not know, as the integers that it is kept in."""
    tensor = tensor.detach()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


class _View:
    """A weight as numpy asks for memory; the array keeps it, and it the weight."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight
        place, shape = (weight.data_ptr(), False), tuple(weight.shape)
        self.__array_interface__ = {"data": place, "shape": shape, "typestr": "<f4", "version": 3}


def borrowed(weight: Tensor) -> Any:
    """Return a weight's memory as numpy, float32 and contiguous.

    A view by `Tensor.numpy` would forbid torch to free that memory for good, as it does between the uses of a weight
    that is shared out over several processes (`torch.distributed.fsdp`).
    """
    return np.asarray(_View(weight))


def rows(tensor: Tensor) -> Any:
    """Return `array` of the tensor `[positions, channels]`: its last axis are channels, all others positions.

    It lies in order, as compiled code that goes by addresses expects; a view of one number repeated would not.
    """
    return array(tensor.contiguous().reshape(-1, tensor.shape[-1]))


def new(like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return new memory of this shape, that lies in order; of the same dtype if None."""
    return torch.empty_like(like, dtype=dtype, memory_format=torch.contiguous_format)


def mask(where: Tensor | None) -> Any:
    """Return `array` of a mask; an empty one for None, which kernels take for nowhere."""
    return _NOWHERE if where is None else array(where.contiguous())


def aligned(count: int, dtype: Any = np.uint8) -> np.ndarray:
    """Return `count` numbers of any values that begin at a cache line.

    From numpy, which asks for huge pages: small ones miss the processor's table of addresses.
    """
    size = count * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, np.uint8)
    return memory[-memory.ctypes.data % LINE :][:size].view(dtype)
