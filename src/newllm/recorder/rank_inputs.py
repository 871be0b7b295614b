"""What tells whether the ranks of a data-parallel training read the same: a fingerprint of what the model is given.

Only where a wrapper averages the gradients of all ranks (DistributedDataParallel): there each is to read rows of its
own, while the parts of a split model are given the same on purpose. And only in the steps that are compared.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.given import Fingerprints, given
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected

_FEWEST = 64  # numbers: the inputs of fewer can be the same by chance, or say only which step it is


class RankInputs:
    """Fingerprints of a model's inputs, of the passes that train.

    Args:
        root: the model as it is called.
        protect: keeps errors of the hook from the training.

    Attributes:
        is_wanted: whether the next passes are to be fingerprinted.
    """

    def __init__(self, root: nn.Module, protect: Protect = unprotected) -> None:
        self.is_wanted = False
        self._fingerprints = Fingerprints()
        self._sum: Tensor | None = None
        self._handle: RemovableHandle | None = None
        if isinstance(root, nn.parallel.DistributedDataParallel):
            self._handle = root.register_forward_pre_hook(Hook(protect(self._called)), with_kwargs=True)

    def close(self) -> None:
        """Take the hook away."""
        if self._handle is not None:
            self._handle.remove()

    def taken(self) -> Tensor | None:
        """Return the fingerprint of the passes since the last one, an int64 on their device; None of none."""
        found, self._sum = self._sum, None
        return found

    def _called(self, model: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        if torch.compiler.is_compiling() or not (self.is_wanted and model.training and torch.is_grad_enabled()):
            return
        tensors = given(inputs, options)
        rows_N = self._fingerprints.of(tensors)
        if rows_N is None or sum(one.numel() for one in tensors) < _FEWEST:
            return
        total = (rows_N * (2 * torch.arange(len(rows_N), device=rows_N.device) + 3)).sum()
        self._sum = total if self._sum is None else 31 * self._sum.to(total.device) + total
