"""A context in three numbers: mean, standard deviation and norm, as the founding document prints them."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class ContextSummary:
    """Three numbers of some context vectors; of several layers the mean over the layers.

    With C channels `norm^2 <= C * (std^2 + mean^2)`, and equal where all vectors are equally long.

    Args:
        mean: over all channels of all vectors.
        std: standard deviation over the same, around that mean.
        norm: mean Euclidean norm of a vector.
    """

    mean: float
    std: float
    norm: float


def summed_up(layers: Sequence[Tensor]) -> Tensor:
    """Return mean, standard deviation and norm, `[3]`, still on the device of the first layer.

    Args:
        layers: of each layer with a context its vectors `[N, ...]`, N at least 1; narrow numbers are widened.
    """
    each = [_three(wide(vectors.detach())).to(layers[0].device) for vectors in layers]
    return torch.stack(each).mean(dim=0)


def wide(value: Tensor) -> Tensor:
    """Return numbers that sums of squares fit into: float32, or float64 where they are that already."""
    return value if value.dtype == torch.float64 else value.float()


def _three(vectors: Tensor) -> Tensor:
    vectors_NC = vectors.flatten(1)
    if vectors.dim() > 2:  # torch's own goes number by number: a millisecond for the matrices of a layer
        mean = vectors_NC.mean()
        std = (vectors_NC - mean).square().mean().sqrt()
    else:
        std, mean = torch.std_mean(vectors_NC, correction=0)
    return torch.stack([mean, std, torch.linalg.vector_norm(vectors_NC, dim=1).mean()])
