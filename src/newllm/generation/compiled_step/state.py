"""A stack's state in one piece of memory, as the kernel reads and writes it.

To everyone else it is a mapping from names to tensors, like every state: the tensors are views, made when they are
asked for. A state is written once, by the step that makes it, and never changed.

Shapes: B rows, C context, D width; both filled up to whole vectors.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from newllm.model.bodies import State

TAIL = 3  # rows of a convolution's tail
_POSITION = 2  # floats of a 64-bit integer


class Layout:
    """Where the parts stand: positions, filled up to a cache line; then layer after layer contexts and tails.

    Args:
        layers: of the stack.
        context: channels of a context, and the floats that it has room for.
        width: of the stream, and the floats that it has room for.
    """

    def __init__(self, layers: int, context: tuple[int, int], width: tuple[int, int]) -> None:
        self._context, self._channels = context
        self._width, self._room = width
        self._layer = self._channels + TAIL * self._room  # floats of a row
        self._places = {f"{layer}.{part}": (layer, part) for layer in range(layers) for part in ("context", "tail")}
        self.names = ("position", *self._places)

    def start(self, rows: int) -> int:
        """Return the floats before the first layer's."""
        return -(-_POSITION * rows // 16) * 16

    def floats(self, rows: int) -> int:
        """Return the size of the memory of so many rows, in floats."""
        return self.start(rows) + rows * self._layer * (len(self._places) // 2)

    def view(self, memory: Tensor, rows: int, name: str) -> Tensor:
        """Return the part of that name: `[B]`, `[B, context]` or `[B, 3, width]`.

        Raises:
            KeyError: there is none.
        """
        if name == "position":
            return memory[: _POSITION * rows].view(torch.int64)
        layer, part = self._places[name]
        first = self.start(rows) + rows * layer * self._layer
        if part == "context":
            return memory[first : first + rows * self._channels].view(rows, self._channels)[:, : self._context]
        first += rows * self._channels
        tail = memory[first : first + rows * TAIL * self._room]
        return tail.view(rows, TAIL, self._room)[:, :, : self._width]

    def packed(self, state: State) -> "PackedState":
        """Return a state in this layout; one that is already is returned as it is."""
        if isinstance(state, PackedState) and state.layout is self:
            return state
        rows = len(state["position"])
        memory = torch.zeros(self.floats(rows))
        for name in self.names:
            self.view(memory, rows, name).copy_(state[name])
        return PackedState(self, memory, rows)


class PackedState(Mapping[str, Tensor]):
    """A state in one piece of memory.

    Args:
        layout: of the memory.
        memory: float32.
        rows: B.
    """

    __slots__ = ("layout", "memory", "rows")

    def __init__(self, layout: Layout, memory: Tensor, rows: int) -> None:
        self.layout, self.memory, self.rows = layout, memory, rows

    def __getitem__(self, name: str) -> Tensor:
        return self.layout.view(self.memory, self.rows, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)
