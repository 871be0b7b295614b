"""The random number generators of a process (Python's, numpy's, torch's), seeded for a while and put back."""

import contextlib
import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from newllm.training.environment import seed_torch


@dataclass(frozen=True)
class ChanceState:
    """The states of all global generators at one moment."""

    python: tuple[Any, ...]
    numpy: tuple[Any, ...]
    torch: torch.Tensor
    cuda: tuple[torch.Tensor, ...]

    def is_as(self, other: "ChanceState") -> bool:
        """Whether nothing was drawn between the two."""
        return (
            self.python == other.python
            and all(np.array_equal(a, b) for a, b in zip(self.numpy, other.numpy, strict=True))
            and torch.equal(self.torch, other.torch)
            and all(map(torch.equal, self.cuda, other.cuda))
        )


def take_chance() -> ChanceState:
    """Return the states as they are."""
    cuda = tuple(torch.cuda.get_rng_state_all()) if torch.cuda.is_initialized() else ()
    return ChanceState(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda)  # type: ignore[arg-type]


def put_chance(state: ChanceState, *, torch_too: bool = True) -> None:
    """Put states back; torch's only if it is wanted."""
    random.setstate(state.python)
    np.random.set_state(state.numpy)
    if not torch_too:
        return
    torch.set_rng_state(state.torch)
    if state.cuda:
        torch.cuda.set_rng_state_all(list(state.cuda))


def seed_all(seed: int, *, torch_too: bool = True) -> None:
    """Seed every generator; torch's only if it is wanted."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if torch_too:
        seed_torch(seed)


@contextlib.contextmanager
def own_chance(*, torch_too: bool = True) -> Generator[None]:
    """Leave every generator as it was before the block; torch's only if it is wanted."""
    before = take_chance()
    try:
        yield
    finally:
        put_chance(before, torch_too=torch_too)
