"""What every rule of a matrix context is: `(projected, source) -> what matrix_scan is given`.

Shapes: B rows, T positions, D width, H heads, K key width, V value width, E = 2 * H * K + H * V.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from newllm.recurrence.matrix_scan import Steps


class MatrixRule(nn.Module, ABC):
    """Makes of queries, keys, values and features what the delta rule does at each position.

    Args:
        source: width of the features that its gates see.
        heads: matrices of a layer.
        keys: rows of a matrix.

    Attributes:
        fused: whether fused kernels may run; else torch's own operations do.
    """

    name: str
    fused = True

    def __init__(self, source: int, heads: int, keys: int) -> None:
        super().__init__()
        self.heads, self.keys = heads, keys
        self.build(source)

    @abstractmethod
    def build(self, source: int) -> None:
        """Add the gates."""

    @abstractmethod
    def forward(self, projected_BTE: Tensor, source_BTD: Tensor) -> Steps:
        """Return what each position does, float32 (float64 if the features are).

        Args:
            projected_BTE: queries, keys and values of all heads, one after another.
            source_BTD: seen by the gates.
        """

    @abstractmethod
    def spread_timescales(self, longest: float) -> None:
        """Start the heads at time scales of up to `longest` positions, evenly in the logarithm."""
