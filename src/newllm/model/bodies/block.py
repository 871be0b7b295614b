"""The pre-norm residual block that stack and attention share: a mixer over time, then SwiGLU."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from newllm.model.bodies.body import Body, State, join_states, layer_state
from newllm.model.config import ModelConfig
from newllm.model.mlp import SwiGLU
from newllm.model.rms_norm import RMSNorm


class Mixer(nn.Module, ABC):
    """Mixes positions; the only part of a block that remembers."""

    @abstractmethod
    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return the state before the first token."""

    @abstractmethod
    def forward(
        self, x_BTD: Tensor, state: State, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, State]:
        """Return the mixed sequence `[B, T, D]` and the next state; arguments as in `Body.forward`."""


class Block(nn.Module):
    """`x = x + mixer(norm(x)); x = x + SwiGLU(norm(x))`."""

    def __init__(self, config: ModelConfig, mixer: Mixer) -> None:
        super().__init__()
        self.mixer_norm = RMSNorm(config.width)
        self.mixer = mixer
        self.mlp_norm = RMSNorm(config.width)
        self.mlp = SwiGLU(config.width, config.hidden)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x_BTD: Tensor, added_BTD: Tensor | None, state: State, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor, State]:
        """Return the sequence, what is to be added to it, and the mixer's next state.

        The sum is left to the norm that follows, which makes one pass of both; so it is taken over from the block
        before as `added_BTD`, None for nothing.
        """
        normed_BTD, x_BTD = self.mixer_norm(x_BTD, added_BTD)
        mixed_BTD, state = self.mixer(normed_BTD, state, position_BT, reset_BT)
        normed_BTD, x_BTD = self.mlp_norm(x_BTD, self.dropout(mixed_BTD))
        return x_BTD, self.dropout(self.mlp(normed_BTD)), state


class Blocks(Body):
    """Blocks one upon another and a last norm: the frame of stack and attention.

    Args:
        config: the model's shape.

    Attributes:
        recompute: whether training keeps of a block only what goes into it, and computes the rest again for its
            gradient (Chen et al. 2016, arXiv:1604.06174).
    """

    recompute = False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.output_width = config.width
        self.blocks = nn.ModuleList(Block(config, mixer) for mixer in self.mixers(config))
        self.last_norm = RMSNorm(config.width)

    @abstractmethod
    def mixers(self, config: ModelConfig) -> Iterator[Mixer]:
        """Yield the mixer of each block."""

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return the states of all mixers before the first token."""
        mixers = (module for module in self.modules() if isinstance(module, Mixer))
        return join_states([mixer.initial_state(rows, device) for mixer in mixers])

    def forward(
        self,
        x_BTD: Tensor,
        state: State,
        position_BT: Tensor,
        reset_BT: Tensor | None,
        inner: list[Tensor] | None = None,
    ) -> tuple[Tensor, State]:
        """Run the blocks in order."""
        states, added_BTD = [], None
        for layer, block in enumerate(self.blocks):
            if inner is not None and added_BTD is not None:
                x_BTD, added_BTD = x_BTD + added_BTD, None  # what the next block reads, so that a gradient reaches it
                inner.append(x_BTD)
            # Outside of the block: what is recomputed is received and sent once.
            x_BTD, before = self.handover.receive(layer, x_BTD, layer_state(state, layer))
            given = x_BTD, added_BTD, before, position_BT, reset_BT
            if self.recompute and self.training and torch.is_grad_enabled():
                x_BTD, added_BTD, after = checkpoint(block, *given, use_reentrant=False)
            else:
                x_BTD, added_BTD, after = block(*given)
            added_BTD, after = self.handover.send(layer, added_BTD, after)
            states.append(after)
        return self.last_norm(x_BTD, added_BTD)[0], join_states(states)
