"""Fingerprints of tensors: sums of their bits, by which a single changed bit shows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeGuard

import torch
from torch import Tensor

_WORD = 4  # bytes of the numbers that are added up fastest
_WHOLE = {1: torch.int8, 2: torch.int16, _WORD: torch.int32, 8: torch.int64}


def bits(tensor: Tensor) -> Tensor:
    """Return the sum of a tensor's bits, taken as whole numbers that wrap around: one int64 on its device.

    Two tensors that differ in one place have different sums.
    """
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    size = tensor.element_size()
    if size == _WORD // 2 and tensor.is_contiguous() and tensor.numel() % 2 == 0:
        tensor, size = tensor.reshape(-1).view(torch.int32), _WORD  # two at a time: twice as fast
    whole = tensor.view(_WHOLE[size])
    return whole.sum(dtype=torch.int32).long() if size == _WORD else whole.sum(dtype=torch.int64)


def has_numbers(value: object) -> TypeGuard[Tensor]:
    """Whether a value is a tensor whose numbers are all in this process, and can be added up."""
    is_dense = isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
    return is_dense and not hasattr(value, "device_mesh")  # a DTensor: its sum would wait for the other processes


def counted(names: Iterable[str], flags: Sequence[float]) -> list[tuple[str, float]]:
    """Return how often each name has a flag that is not 0; nothing of the others."""
    found = Counter(name for name, flag in zip(names, flags, strict=True) if flag)
    return [(name, float(count)) for name, count in found.items()]
