"""What every rule of a matrix context is: `(query, key, value, source) -> what matrix_scan is given`.

Shapes: B rows, T positions, D width, H heads, K key width, V value width.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from newllm.recurrence.matrix_scan import Steps


class MatrixRule(nn.Module, ABC):
    """Makes of queries, keys and features what the delta rule does at each position.

    Args:
        source: width of the features that its gates see.
        heads: matrices of a layer.
        keys: rows of a matrix.
    """

    name: str

    def __init__(self, source: int, heads: int, keys: int) -> None:
        super().__init__()
        self.heads = heads
        self.build(source, heads, keys)

    @abstractmethod
    def build(self, source: int, heads: int, keys: int) -> None:
        """Add the gates."""

    @abstractmethod
    def forward(self, query_BTHK: Tensor, key_BTHK: Tensor, value_BTHV: Tensor, source_BTD: Tensor) -> Steps:
        """Return what each position does, float32 (float64 if the features are), from what was projected."""

    @abstractmethod
    def spread_timescales(self, longest: float) -> None:
        """Start the heads at time scales up to `longest` positions, evenly in the logarithm."""


def unit(vectors: Tensor) -> Tensor:
    """Return vectors of length 1 along the last axis; one of zeros stays as it is."""
    return vectors * torch.rsqrt((vectors * vectors).sum(dim=-1, keepdim=True) + 1e-6)
