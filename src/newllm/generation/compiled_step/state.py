"""A stack's state in one piece of memory, as the kernel reads and writes it.

To everyone else it is a mapping from names to tensors, like every state: the tensors are views, made when they are
asked for. A state is written once, by the step that makes it, and never changed.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor


class Layout:
    """Where a stack's contexts and convolution tails stand: layer after layer, `[B, C]` and then `[B, 3, D]`.

    Args:
        layers: of the stack.
        context: channels of a context.
        width: of the stream.
        channels: room for a context, in floats.
        room: room for a row of the stream, in floats.
    """

    TAPS = 3  # rows of a tail

    def __init__(self, layers: int, context: int, width: int, channels: int, room: int) -> None:
        self._context, self._width, self._channels, self._room = context, width, channels, room
        self._layer = channels + self.TAPS * room  # floats of a row
        self.layers = layers
        self.floats = layers * self._layer
        self._places = {f"{layer}.{part}": (layer, part) for layer in range(layers) for part in ("context", "tail")}
        self.names = ("position", *self._places)

    def view(self, memory: Tensor, rows: int, name: str) -> Tensor:
        """Return the part of that name, `[B, context]` or `[B, 3, width]`.

        Raises:
            KeyError: there is none.
        """
        layer, part = self._places[name]
        start = rows * layer * self._layer
        if part == "context":
            return memory[start : start + rows * self._channels].view(rows, self._channels)[:, : self._context]
        start += rows * self._channels
        tail = memory[start : start + rows * self.TAPS * self._room]
        return tail.view(rows, self.TAPS, self._room)[:, :, : self._width]

    def packed(self, state: Mapping[str, Tensor]) -> "PackedState":
        """Return a state in this layout; one that is already is returned as it is."""
        if isinstance(state, PackedState) and state.layout is self:
            return state
        position = state["position"].long().contiguous()
        rows = len(position)
        memory = torch.zeros(rows * self.floats)
        for name in self._places:
            self.view(memory, rows, name).copy_(state[name])
        return PackedState(self, memory, position)


class PackedState(Mapping[str, Tensor]):
    """A state in one piece of memory.

    Args:
        layout: of the memory.
        memory: float32, `[B * floats]`.
        position: tokens read, int64, `[B]`.
    """

    __slots__ = ("layout", "memory", "position")

    def __init__(self, layout: Layout, memory: Tensor, position: Tensor) -> None:
        self.layout, self.memory, self.position = layout, memory, position

    def __getitem__(self, name: str) -> Tensor:
        if name == "position":
            return self.position
        return self.layout.view(self.memory, len(self.position), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)
