"""A stack's states in one piece of memory, as the kernel reads and writes them.

To everyone else they are a mapping from names to tensors, like every state: the tensors are views, made when they are
asked for. A state is written once, by the step that makes it, and never changed.

Shapes: B rows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from newllm.model.bodies import State

TAIL = 3  # rows of a convolution's tail
_COUNTS = {"position": (0, 1), "previous": (1, 2)}  # 64-bit integers at the start of a row: the first, how many
_HEAD = 16  # floats of a cache line, which holds these alone


class Part(NamedTuple):
    """What a layer keeps under a name.

    Args:
        name: of the tensor.
        shape: of a row's.
        room: floats that its last axis is filled up to.
    """

    name: str
    shape: tuple[int, ...]
    room: int

    @property
    def floats(self) -> int:
        """The floats of a row."""
        return math.prod(self.shape[:-1]) * self.room


class Layout:
    """Where the parts of a row stand: what the embedding goes on from in a cache line; then part after part.

    Args:
        counts: names of what stands in that line.
        parts: of all layers.

    Attributes:
        names: of all tensors.
        floats: of a row.
    """

    def __init__(self, counts: Sequence[str], parts: Sequence[Part]) -> None:
        self._places, self.floats = dict[str, tuple[Part, int]](), _HEAD
        for part in parts:
            self._places[part.name] = part, self.floats
            self.floats += part.floats
        self.names = (*counts, *self._places)

    def address(self, name: str) -> int:
        """Return the bytes of a row in front of a part."""
        return 4 * self._places[name][1]

    def view(self, memory: Tensor, name: str) -> Tensor:
        """Return the part of that name, `[B, ...]`, of memory `[B, floats]`.

        Raises:
            KeyError: there is none.
        """
        if name in _COUNTS:
            first, count = _COUNTS[name]
            numbers = memory[:, 2 * first : 2 * (first + count)].view(torch.int64)
            return numbers if count > 1 else numbers.view(-1)
        part, first = self._places[name]
        filled = memory[:, first : first + part.floats].unflatten(1, (*part.shape[:-1], part.room))
        return filled[..., : part.shape[-1]]

    def packed(self, state: State) -> "PackedState":
        """Return a state in this layout; one that is already is returned as it is."""
        if isinstance(state, PackedState) and state.layout is self:
            return state
        memory = torch.zeros(len(state["position"]), self.floats)
        for name in self.names:
            self.view(memory, name).copy_(state[name])
        return PackedState(self, memory, 0, len(memory))


class PackedState(Mapping[str, Tensor]):
    """The states of some rows, in one piece of memory.

    Args:
        layout: of the memory.
        memory: float32, `[all rows, floats]`.
        first: the first row that is this state's.
        rows: B.

    Attributes:
        address: of its first row; the next one is `layout.floats` floats behind.
    """

    __slots__ = ("_first", "_memory", "address", "layout", "rows")

    def __init__(self, layout: Layout, memory: Tensor, first: int, rows: int) -> None:
        self.layout, self._memory, self._first, self.rows = layout, memory, first, rows
        self.address = memory.data_ptr() + 4 * first * layout.floats

    @property
    def memory(self) -> Tensor:
        """Its own rows, `[B, floats]`."""
        return self._memory[self._first : self._first + self.rows]

    def __getitem__(self, name: str) -> Tensor:
        return self.layout.view(self.memory, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)
