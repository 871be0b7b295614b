"""Batches as a function of the update: read in this process, one update at a time.

By the index of each sample (sampled_batches.py), or from the beginning (read_batches.py).
"""

from abc import ABC, abstractmethod
from typing import Any


class Batches(ABC):
    """Batches by update.

    Attributes:
        draws: whether reading the first batch drew random numbers; None before anything was read.
        from_process: whether orders come from the generators of the process, which dropout draws from too.
    """

    draws: bool | None = None
    from_process: bool = False

    @abstractmethod
    def update(self, step: int) -> list[list[Any]]:
        """Return the batches of the update that leads on from a step, in groups."""
