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
        tensor = torch.view_as_real(tensor.resolve_conj())
    size = tensor.element_size()
    in_pairs = size == _WORD // 2 and tensor.numel() % 2 == 0 and tensor.storage_offset() % 2 == 0
    if in_pairs and tensor.is_contiguous():
        tensor, size = tensor.reshape(-1).view(torch.int32), _WORD  # two at a time: twice as fast
    whole = tensor.view(_WHOLE[size])
    return whole.sum(dtype=torch.int32).long() if size == _WORD else whole.sum(dtype=torch.int64)


def has_numbers(value: object) -> TypeGuard[Tensor]:
    """Whether a value is a tensor whose numbers are all in this process, and can be added up."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and not (value.is_meta or value.is_quantized or value.is_nested)
        # A tensor made of others: the sum of a DTensor would wait for the other processes, quantized ones have none.
        and not hasattr(value, "__tensor_flatten__")
    )


def counted(names: Iterable[str], flags: Sequence[float]) -> list[tuple[str, float]]:
    """Return how often each name has a flag that is not 0; nothing of the others."""
    found = Counter(name for name, flag in zip(names, flags, strict=True) if flag)
    return [(name, float(count)) for name, count in found.items()]
