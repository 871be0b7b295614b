"""What a model is given: which tensors of a call are its inputs, and a fingerprint of every row of theirs.

Shapes: N rows of a batch, D numbers of a row.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from newllm.recorder.bits import has_numbers

_NO_INPUT = ("label", "mask", "position", "past", "cache", "type_ids", "target")
_MOST_COLUMNS = 1024
_MOST_ROWS = 4096
_DEEPEST = 3
_WHOLE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_SEED = 20261127
_MIX = 0x5851F42D4C957F2D  # an odd multiplier (Knuth, MMIX)


def given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """Return the inputs of a call: its tensors with as many rows as the first one, but for labels, masks and caches."""
    found = [tensor for tensor in _tensors((args, kwargs), _DEEPEST + 1) if tensor.dim() and tensor.numel()]
    return [tensor for tensor in found if len(tensor) == len(found[0])]


def _tensors(value: Any, depth: int) -> Iterator[Tensor]:
    if has_numbers(value):
        yield value.detach()
    elif depth and isinstance(value, Mapping):
        for name, part in value.items():
            if not (isinstance(name, str) and any(word in name.lower() for word in _NO_INPUT)):
                yield from _tensors(part, depth - 1)
    elif depth and isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part, depth - 1)


class Fingerprints:
    """Adds up the bits of each row, every place with a weight of its own, so that equal rows have equal sums.

    Of rows of more than 1,024 numbers so many are taken, always at the same places.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[int, torch.device], tuple[Tensor | None, Tensor]] = {}

    def of(self, tensors: list[Tensor]) -> Tensor | None:
        """Return one int64 a row (N,), of all tensors together; None of more than 4,096 rows, or of none."""
        if not tensors or len(tensors[0]) > _MOST_ROWS:
            return None
        total = torch.zeros(len(tensors[0]), dtype=torch.int64, device=tensors[0].device)
        for tensor in tensors:
            total = (total * _MIX + self._sums(tensor.to(total.device))) * _MIX
        return total

    def _sums(self, tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        rows_ND = tensor.reshape(len(tensor), -1)
        places, weights_D = self._of_width(rows_ND.shape[1], rows_ND.device)
        rows_ND = rows_ND if places is None else rows_ND.index_select(1, places)
        whole_ND = rows_ND.contiguous().view(_WHOLE[rows_ND.element_size()])
        return (whole_ND.to(torch.int64) * weights_D).sum(dim=1)

    def _of_width(self, width: int, device: torch.device) -> tuple[Tensor | None, Tensor]:
        if (width, device) not in self._places:
            draw = torch.Generator().manual_seed(_SEED)
            places = torch.randperm(width, generator=draw)[:_MOST_COLUMNS].sort().values
            weights = torch.randint(-(2**62), 2**62, (len(places),), generator=draw) * 2 + 1
            some = None if len(places) == width else places.to(device)
            self._places[width, device] = some, weights.to(device)
        return self._places[width, device]
