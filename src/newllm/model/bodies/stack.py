"""The stack: residual blocks whose mixer is a context. The default for real text.

Each block's features depend on the block's input only, so that the whole sequence is one scan; depth
gives back what the cell gets from feeding its context back.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.model.bodies.block import Blocks, Mixer
from newllm.model.bodies.body import State
from newllm.model.config import ModelConfig
from newllm.model.context_tap import ContextTap
from newllm.model.convolution import ShortConvolution
from newllm.recurrence import build_norm, build_rule, contexts_before, scan, sequential, update


class ContextMixer(Mixer):
    """Short convolution, rule, context, gated output: `W_out (silu(W_gate x) * read(context))`.

    Where `through_time` is False the gradient of a position goes back to the update that made the context it reads, its
    own, and no further: that update added to a constant. The convolution keeps its gradient over three positions.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.scan_backend = "auto"
        self.through_time = True
        self.convolution = ShortConvolution(config.width)
        self.rule = build_rule(config.rule, config.width, config.width, config.context, learn_decay=config.learn_decay)
        self.rule.spread_timescales(config.window)
        self.norm = build_norm(config.norm, config.context)
        self.tap = ContextTap()
        self.gate = nn.Linear(config.width, config.context, bias=False)
        self.out = nn.Linear(config.context, config.width, bias=False)
        self.out.is_residual_output = True  # type: ignore[attr-defined]

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return a context and a convolution tail of zeros."""
        context = torch.zeros(rows, self.rule.channels, device=device, dtype=self.out.weight.dtype)
        return {"context": context, "tail": self.convolution.initial_tail(rows, device)}

    def forward(
        self, x_BTD: Tensor, state: State, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, State]:
        """Mix by one scan, or by one update where there is one position."""
        x_BTD, tail = self.convolve(x_BTD, state["tail"], position_BT, reset_BT)
        decay_BTC, input_BTC = self.decay_and_input(x_BTD)
        contexts_BTC, context_BC = self.recur(decay_BTC, input_BTC, state["context"], reset_BT)
        mixed_BTC = F.silu(self.gate(x_BTD)) * self.norm.read(self.tap(contexts_BTC))
        return self.out(mixed_BTC), {"context": context_BC, "tail": tail}

    def convolve(
        self, x_BTD: Tensor, tail: Tensor, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return what the rule sees of the sequence, and the tail after it."""
        return self.convolution(x_BTD, tail, position_BT, has_resets=reset_BT is not None)

    def decay_and_input(self, x_BTD: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rule's decay and input."""
        return self.rule(x_BTD, x_BTD)

    def recur(
        self, decay_BTC: Tensor, input_BTC: Tensor, context_BC: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return every context and the last one."""
        if self.through_time:
            return self._recur_connected(decay_BTC, input_BTC, context_BC, reset_BT)
        with torch.no_grad():
            contexts_BTC, _ = self._recur_connected(decay_BTC, input_BTC, context_BC, reset_BT)
        before_BTC = contexts_before(contexts_BTC, context_BC, reset_BT).detach()
        contexts_BTC = update(before_BTC, decay_BTC, input_BTC, self.norm)
        return contexts_BTC, contexts_BTC[:, -1].clone()

    def _recur_connected(
        self, decay_BTC: Tensor, input_BTC: Tensor, context_BC: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if input_BTC.shape[1] == 1 and reset_BT is None:
            context_BC = update(context_BC, decay_BTC[:, 0], input_BTC[:, 0], self.norm)
            return context_BC[:, None], context_BC
        if self.norm.writes:
            return sequential(decay_BTC, input_BTC, context_BC, reset_BT, self.norm)
        return scan(decay_BTC, input_BTC, context_BC, reset_BT, backend=self.scan_backend)


class ZeroContextMixer(ContextMixer):
    """The control: nothing before the present token is seen, by the context or the convolution."""

    def convolve(
        self,
        x_BTD: Tensor,
        tail: Tensor,
        position_BT: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Convolve over zeros: only the tap on the present position has something to see."""
        return x_BTD * (1 + self.convolution.weight[0]), tail

    def decay_and_input(self, x_BTD: Tensor) -> tuple[Tensor, Tensor]:
        """Return decay 0 and the rule's input."""
        decay_BTC, input_BTC = super().decay_and_input(x_BTD)
        return torch.zeros_like(decay_BTC), input_BTC


class Stack(Blocks):
    """Blocks that mix by context."""

    mixer = ContextMixer


class ZeroContextStack(Blocks):
    """The same blocks with their contexts cut off."""

    mixer = ZeroContextMixer
