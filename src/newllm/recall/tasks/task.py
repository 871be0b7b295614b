"""What a task is: rows of tokens with the answers that are asked in them, and the sizes it is drawn in.

Shapes: B rows, T positions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from newllm.errors import UserError, quoted

IGNORED = -100  # the target where nothing is asked, as in zoology and torch

Rows = tuple[Tensor, Tensor]
"""`tokens_BT` and `targets_BT`, both int64. A target is what to say after reading the token of its position and those
before it, or `IGNORED` where nothing is asked."""


@dataclass(frozen=True)
class Size:
    """How large a row is.

    Attributes:
        items: how many things have to be kept: pairs, symbols; 1 where the task has one thing alone.
        length: tokens.
    """

    items: int
    length: int

    def __str__(self) -> str:
        return f"{self.items}x{self.length}"


def parse_size(text: str) -> Size:
    """Return the size that "ITEMSxLENGTH" says.

    Raises:
        UserError: it says none.
    """
    found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text)
    if found is None:
        raise UserError(f"size {quoted(text)} is not ITEMSxLENGTH: give for example 4x64")
    return Size(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Task:
    """A task that a model is trained on and asked.

    Attributes:
        name: as the command line has it.
        vocabulary: how many tokens there are, from 0.
        draw: from a generator, a number of rows and a size, the rows.
        floor: the share of right answers that guessing gives at a size.
        trained: the sizes that a model is trained on, each as often.
        evaluated: the sizes that it is asked about, longer ones too.
    """

    name: str
    vocabulary: int
    draw: Callable[[np.random.Generator, int, Size], Rows]
    floor: Callable[[Size], float]
    trained: tuple[Size, ...]
    evaluated: tuple[Size, ...]


def as_rows(tokens_BT: np.ndarray, targets_BT: np.ndarray) -> Rows:
    """Return both as int64 tensors."""
    return torch.from_numpy(tokens_BT.astype(np.int64)), torch.from_numpy(targets_BT.astype(np.int64))


def nothing_asked(rows: int, length: int) -> np.ndarray:
    """Return targets `[B, T]` where nothing is asked yet."""
    return np.full((rows, length), IGNORED, dtype=np.int64)


def at_least(what: str, given: int, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        UserError: it is below `least`.
    """
    if given < least:
        raise UserError(f"{what} is {given}: give at least {least}")


def one_item(name: str, size: Size) -> int:
    """Return the length of a size of a task that has one thing to keep.

    Raises:
        UserError: the size has more items.
    """
    if size.items != 1:
        raise UserError(f"size '{size}' has {size.items} items, and task {name} has 1: give 1x{size.length}")
    return size.length


def sizes(*pairs: tuple[int, int]) -> tuple[Size, ...]:
    """Return sizes from pairs of items and length."""
    return tuple(Size(*pair) for pair in pairs)
