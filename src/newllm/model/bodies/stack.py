"""The stack: residual blocks whose mixer is a context. The default for real text.

Each block's features depend on the block's input only, so that the whole sequence is one scan; depth
gives back what the cell gets from feeding its context back.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from newllm.kernels import silu_product, silu_product_naive
from newllm.model.bodies.block import Blocks, Mixer
from newllm.model.bodies.body import State
from newllm.model.bodies.matrix_mixer import MatrixMixer, ZeroMatrixMixer
from newllm.model.config import MATRIX_RULE_NAMES, ModelConfig
from newllm.model.context_tap import ContextTap
from newllm.model.convolution import ShortConvolution
from newllm.recurrence import Pieces, build_norm, build_rule, contexts_before, scan_piece, sequential, update


class ContextMixer(Mixer):
    """Short convolution, rule, context, gated output: `W_out (silu(W_gate x) * read(context))`.

    Where `through_time` is False the gradient of a position goes back to the update that made the context it reads, its
    own, and no further: that update added to a constant. The convolution keeps its gradient over three positions.
    """

    def __init__(self, config: ModelConfig, rule: str) -> None:
        super().__init__()
        self.scan_backend, self.fused = "auto", True
        self.through_time = True
        self.pieces: Pieces | None = None  # where the sequence is one of several that are read at the same time
        self.convolution = ShortConvolution(config.width)
        self.rule = build_rule(rule, config.width, config.width, config.context, learn_decay=config.learn_decay)
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
        contexts_BTC, context_BC = self.recur(x_BTD, state["context"], reset_BT)
        read_BTC = self.norm.read(self.tap(contexts_BTC))
        mixed_BTC = (silu_product if self.fused else silu_product_naive)(self.gate(x_BTD), read_BTC)
        return self.out(mixed_BTC), {"context": context_BC, "tail": tail}

    def convolve(
        self, x_BTD: Tensor, tail: Tensor, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return what the rule sees of the sequence, and the tail after it."""
        if self.pieces is not None:
            x_BTD, tail = self.pieces.tails(x_BTD, tail)
        return self.convolution(x_BTD, tail, position_BT, has_resets=reset_BT is not None)

    def recur(self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return every context and the last one."""
        if self.through_time:
            return self._recur_connected(x_BTD, context_BC, reset_BT)
        with torch.no_grad():
            contexts_BTC, _ = self._recur_connected(x_BTD, context_BC, reset_BT)
        before_BTC = contexts_before(contexts_BTC, context_BC, reset_BT).detach()
        decay_BTC, input_BTC = self.rule(x_BTD, x_BTD)
        contexts_BTC = update(before_BTC, decay_BTC, input_BTC, self.norm)
        return contexts_BTC, contexts_BTC[:, -1].clone()

    def _recur_connected(self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.pieces is not None:
            decay_BTC, input_BTC = self.rule(x_BTD, x_BTD)
            return scan_piece(decay_BTC, input_BTC, context_BC, reset_BT, self.pieces, self.scan_backend)
        if x_BTD.shape[1] > 1 and not self.norm.writes:
            return self.rule.scan(x_BTD, x_BTD, context_BC, reset_BT, backend=self.scan_backend)
        decay_BTC, input_BTC = self.rule(x_BTD, x_BTD)
        return sequential(decay_BTC, input_BTC, context_BC, reset_BT, self.norm)


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

    def recur(
        self,
        x_BTD: Tensor,
        context_BC: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Return the rule's inputs alone: every decay is 0."""
        contexts_BTC = self.norm.write(self.rule(x_BTD, x_BTD)[1])
        return contexts_BTC, contexts_BTC[:, -1].clone()


class Stack(Blocks):
    """Blocks that mix by context, each by its own rule."""

    def mixers(self, config: ModelConfig) -> Iterator[Mixer]:
        """Yield a vector or matrices for each block."""
        for rule in config.rules:
            yield MatrixMixer(config, rule) if rule in MATRIX_RULE_NAMES else ContextMixer(config, rule)


class ZeroContextStack(Blocks):
    """The same blocks with their contexts cut off."""

    def mixers(self, config: ModelConfig) -> Iterator[Mixer]:
        """Yield the control of each block's mixer."""
        for rule in config.rules:
            yield ZeroMatrixMixer(config, rule) if rule in MATRIX_RULE_NAMES else ZeroContextMixer(config, rule)
