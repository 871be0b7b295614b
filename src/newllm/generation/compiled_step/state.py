"""A stack's states in one piece of memory, as the kernel reads and writes them.

To everyone else they are a mapping from names to tensors, like every state: the tensors are views, made when they are
asked for. A state is written once, by the step that makes it, and never changed.

Shapes: B rows, C context, D width; both filled up to whole vectors.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from newllm.model.bodies import State

TAIL = 3  # rows of a convolution's tail
_POSITION = 2  # floats of a 64-bit integer
_HEAD = 16  # floats of a cache line, which holds the position alone


class Layout:
    """Where the parts of a row stand: its position in a cache line; then layer after layer context and tail.

    Args:
        layers: of the stack.
        context: channels of a context, and the floats that it has room for.
        width: of the stream, and the floats that it has room for.
    """

    def __init__(self, layers: int, context: tuple[int, int], width: tuple[int, int]) -> None:
        self._context, self._channels = context
        self._width, self._room = width
        self._layer = self._channels + TAIL * self._room
        self._places = {f"{layer}.{part}": (layer, part) for layer in range(layers) for part in ("context", "tail")}
        self.names = ("position", *self._places)
        self.floats = _HEAD + self._layer * layers

    def view(self, memory: Tensor, name: str) -> Tensor:
        """Return the part of that name of memory `[B, floats]`: `[B]`, `[B, context]` or `[B, 3, width]`.

        Raises:
            KeyError: there is none.
        """
        if name == "position":
            return memory[:, :_POSITION].view(torch.int64).view(-1)
        layer, part = self._places[name]
        first = _HEAD + layer * self._layer
        if part == "context":
            return memory[:, first : first + self._context]
        tail = memory[:, first + self._channels : first + self._layer]
        return tail.unflatten(1, (TAIL, self._room))[:, :, : self._width]

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
