"""How the tensors of a model are measured: here by a process that holds all of each.

Where they are shared out over processes, whoever knows how overrides `Tensors`.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from newllm.recorder.layers import stacked

_NARROW = (torch.float16, torch.bfloat16)


class Tensors:
    """Tensors that this process holds whole."""

    def own(self, tensor: Tensor) -> Tensor:
        """Return what this process holds of a tensor."""
        return tensor

    def norms(self, values: Sequence[Tensor], of: Sequence[Tensor]) -> Tensor:  # noqa: ARG002 (an interface)
        """Return the Euclidean norm of each tensor, as one vector, in float32 or wider.

        Args:
            values: what this process holds of each.
            of: tensors that are shared out like these.
        """
        return norms(values)

    def norms_in_turn(self, values: Iterable[Tensor], of: Sequence[Tensor]) -> Tensor:  # noqa: ARG002 (an interface)
        """Return the same of tensors that are computed one by one, while each is still in the cache."""
        return stacked([torch.linalg.vector_norm(value) for value in values])


TENSORS = Tensors()


def norms(values: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of each tensor, as one vector, in float32 or wider."""
    if not values:
        return torch.zeros(0)
    first = values[0]
    if all(value.dtype == first.dtype and value.device == first.device for value in values):
        wide = torch.float32 if first.dtype in _NARROW else None
        return torch.stack(torch._foreach_norm(list(values), 2, wide))
    return stacked([_norm(value) for value in values])


def _norm(value: Tensor) -> Tensor:
    return torch.linalg.vector_norm(value, dtype=torch.float32 if value.dtype in _NARROW else None).float()
