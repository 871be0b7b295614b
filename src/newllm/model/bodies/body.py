"""What every body is: a causal map of a sequence with a state that can be carried, saved and branched.

Shapes: B rows, T positions, D width.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

State = Mapping[str, Tensor]
"""All that a body remembers, by name. The first axis of every tensor is the row; nothing else grows
with the number of tokens read."""


class Handover:
    """What the state of each layer comes through, on its way in and out, where a sequence is read in pieces.

    Hands nothing on: the base of what does (`newllm.training.sequence`).
    """

    def receive(self, layer: int, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: ARG002 (an interface)
        """Return what a layer is given: its input, and the state before it."""
        return x_BTD, state

    def send(self, layer: int, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: ARG002 (an interface)
        """Return what a layer gave, and the state after it."""
        return x_BTD, state


class Body(nn.Module, ABC):
    """Stands between embedding and head.

    `output_width` is the width of what it returns; `takes_resets` is False for a body that cannot start
    a new document inside a row; `handover` is where the state of each layer goes through.
    """

    output_width: int
    takes_resets = True
    handover = Handover()

    @abstractmethod
    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return the state before the first token."""

    @abstractmethod
    def forward(
        self,
        x_BTD: Tensor,
        state: State,
        position_BT: Tensor,
        reset_BT: Tensor | None,
        inner: list[Tensor] | None = None,
    ) -> tuple[Tensor, State]:
        """Read a sequence.

        Args:
            x_BTD: embedded tokens.
            state: the state before them.
            position_BT: how many tokens of its document precede each token.
            reset_BT: True where a new document starts, or None.
            inner: a list that takes the output of each layer but the last, `[B, T, D]`, where there are such layers;
                None where nobody wants them.

        Returns:
            Features `[B, T, output_width]` and the state after the last token.
        """

    def step(self, x_BD: Tensor, state: State, position_B: Tensor) -> tuple[Tensor, State]:
        """Read one token a row: features `[B, output_width]` and the next state."""
        features, state = self.forward(x_BD[:, None], state, position_B[:, None], None)
        return features[:, 0], state


def layer_state(state: State, layer: int) -> State:
    """Return the part of a state that belongs to one layer, under its own names."""
    prefix = f"{layer}."
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def join_states(states: list[State]) -> State:
    """Return one state that holds those of all layers, each name prefixed by its layer's number."""
    return {f"{layer}.{name}": value for layer, state in enumerate(states) for name, value in state.items()}
