"""What tells whether the ranks of a data-parallel training read the same: a fingerprint of what the model is given.

Only where a wrapper averages the gradients of all ranks (DistributedDataParallel): there each is to read rows of its
own, while the parts of a split model are given the same on purpose. And only in the steps that are compared.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.bits import bits, has_numbers

_FEWEST = 64  # numbers: the inputs of fewer can be the same by chance, or say only which step it is
_PLACED = 2**16  # numbers of a tensor whose places count: others may be exchanged, which a sum does not see
_NESTED = 4  # levels of lists and dictionaries


class RankInputs:
    """Fingerprints of a model's inputs, of the passes that train.

    Args:
        root: the model as it is called.

    Attributes:
        is_wanted: whether the next passes are to be fingerprinted.
    """

    def __init__(self, root: nn.Module) -> None:
        self.is_wanted = False
        self._sum: Tensor | None = None
        self._handle: RemovableHandle | None = None
        if isinstance(root, nn.parallel.DistributedDataParallel):
            self._handle = root.register_forward_pre_hook(self._called, with_kwargs=True)

    def close(self) -> None:
        """Take the hook away."""
        if self._handle is not None:
            self._handle.remove()

    def taken(self) -> Tensor | None:
        """Return the fingerprint of the passes since the last one, an int64 on their device; None of none."""
        found, self._sum = self._sum, None
        return found

    def _called(self, model: nn.Module, given: Any, options: Any) -> None:
        if torch.compiler.is_compiling() or not (self.is_wanted and model.training and torch.is_grad_enabled()):
            return
        with torch.no_grad():
            tensors = [one.detach() for one in _tensors([given, options], _NESTED) if has_numbers(one) and one.numel()]
            if sum(one.numel() for one in tensors) < _FEWEST:
                return
            sums = [_placed(one) for one in tensors]
            total = sum((one.to(sums[0].device) * (2 * place + 3) for place, one in enumerate(sums)), start=sums[0])
            self._sum = total if self._sum is None else 31 * self._sum.to(total.device) + total


def _placed(tensor: Tensor) -> Tensor:
    """Return a sum of a tensor's bits in which the places of its first numbers count."""
    first = tensor.reshape(-1)[:_PLACED]
    if first.is_complex():
        first = torch.view_as_real(first).reshape(-1)
    words = first.contiguous().view(torch.uint8).long()
    return bits(tensor) + (words * (1 + torch.arange(len(words), device=words.device))).sum()


def _tensors(held: Any, depth: int) -> list[Tensor]:
    if isinstance(held, Tensor):
        return [held]
    if depth and isinstance(held, list | tuple):
        return [one for each in held for one in _tensors(each, depth - 1)]
    if depth and hasattr(held, "items"):
        return [one for _, each in held.items() for one in _tensors(each, depth - 1)]
    return []
