"""What decodes: one token after another with a memory of what came before.

Every peer has the same few verbs, so that one loop times them all. Batch 1. A cache is filled with random numbers
of the right shape, as if `context` tokens had been read: reading them is quadratic, and a step takes as long whatever
is in the cache. What has a memory of fixed size reads 64 tokens: its step does not know how many there were.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from contenders.fit import VOCABULARY

READ = 64
"""Tokens that fill a memory of fixed size."""


class Decoding(ABC):
    """A model with its memory."""

    parameters: int

    @abstractmethod
    def fill(self, context: int) -> None:
        """Bring the memory to where it is after `context` tokens."""

    @abstractmethod
    def step(self, token: int) -> Tensor:
        """Read one token and return the logits of the next."""

    def rewind(self, tokens: int) -> None:  # noqa: B027 (a memory of fixed size has nothing to do)
        """Undo the last `tokens` steps where the memory has grown by them."""

    @abstractmethod
    def read(self, tokens_T: Tensor) -> Tensor:
        """Read a whole prompt from the start, as the peer does it, and return the logits of the next token."""

    @abstractmethod
    def memory(self) -> list[Any]:
        """Return the tensors of the memory, lists and tuples of them included."""

    @property
    @abstractmethod
    def weights(self) -> list[Tensor]:
        """The tensors that a step reads beside the memory."""


def bytes_of(tensors: Any) -> int:
    """Return the bytes of tensors in lists, tuples and mappings of them; numbers and None have none."""
    if isinstance(tensors, Tensor):
        return tensors.nbytes
    if isinstance(tensors, Mapping):
        return sum(map(bytes_of, tensors.values()))
    return sum(map(bytes_of, tensors)) if isinstance(tensors, list | tuple) else 0


def prompt(length: int) -> Tensor:
    """Return random bytes, int64 `[T]`."""
    return torch.randint(VOCABULARY - 1, (length,), generator=torch.Generator().manual_seed(length))


def weights_of(model: nn.Module) -> list[Tensor]:
    """Return a model's parameters but for tables of learned positions, of which a step reads one row."""
    return [value for name, value in model.named_parameters() if not name.endswith("wpe.weight")]
