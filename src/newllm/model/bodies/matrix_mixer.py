"""The mixer whose context is a matrix a head: what a position writes under a key, a later one reads by it.

Shapes: B rows, T positions, D width, H heads, K key width, V value width.
"""

import torch
from torch import Tensor, nn

from newllm.kernels import silu_product, silu_product_naive
from newllm.model.bodies.block import Mixer
from newllm.model.bodies.body import State
from newllm.model.config import ModelConfig
from newllm.model.context_tap import MatrixTap
from newllm.model.convolution import ShortConvolution
from newllm.model.rms_norm import RMSNorm
from newllm.recurrence import MATRIX_RULES, Steps, matrix_scan, matrix_steps


class MatrixMixer(Mixer):
    """Query, key and value, each through its own short convolution; rule, matrices, normed and gated output.

    Where `through_time` is False the gradient of a position goes back to the update that made the matrix it reads,
    its own, and no further.
    """

    def __init__(self, config: ModelConfig, rule: str) -> None:
        super().__init__()
        self.scan_backend, self.fused = "auto", True
        self.through_time = True
        self.heads, self.width = config.context // config.matrix_width, config.matrix_width
        projected = 3 * config.context
        self.query_key_value = nn.Linear(config.width, projected, bias=False)
        self.convolution = ShortConvolution(projected, drawn=True)
        self.rule = MATRIX_RULES[rule](config.width, self.heads, self.width)
        self.rule.spread_timescales(config.window)
        self.tap = MatrixTap()
        self.read_norm = RMSNorm(self.width)
        self.gate = nn.Linear(config.width, config.context, bias=False)
        self.out = nn.Linear(config.context, config.width, bias=False)
        self.out.is_residual_output = True  # type: ignore[attr-defined]

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return matrices and a convolution tail of zeros."""
        shape = rows, self.heads, self.width, self.width
        context = torch.zeros(shape, device=device, dtype=self.out.weight.dtype)
        return {"context": context, "tail": self.convolution.initial_tail(rows, device)}

    def forward(
        self, x_BTD: Tensor, state: State, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, State]:
        """Mix by one scan over matrices."""
        projected, tail = self.convolve(self.query_key_value(x_BTD), state["tail"], position_BT, reset_BT)
        read_BTHV, context_BHKV = self.recur(self.rule(projected, x_BTD), state["context"], reset_BT)
        context_BHKV = self.tap(context_BHKV)
        normed_BTC = self.read_norm(read_BTHV)[0].flatten(2)
        mixed_BTC = (silu_product if self.fused else silu_product_naive)(self.gate(x_BTD), normed_BTC)
        return self.out(mixed_BTC), {"context": context_BHKV, "tail": tail}

    def convolve(
        self, x_BTE: Tensor, tail: Tensor, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return queries, keys and values after their convolution, and the tail after it."""
        return self.convolution(x_BTE, tail, position_BT, has_resets=reset_BT is not None)

    def recur(self, steps: Steps, context_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return every reading `[B, T, H, V]` and the last matrices."""
        if not self.through_time:
            return matrix_steps(steps, context_BHKV, reset_BT, through_time=False)
        return matrix_scan(steps, context_BHKV, reset_BT, backend=self.scan_backend)


class ZeroMatrixMixer(MatrixMixer):
    """The control: nothing before the present token is seen, by the matrices or the convolution."""

    def convolve(
        self,
        x_BTE: Tensor,
        tail: Tensor,
        position_BT: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Convolve over zeros: only the tap on the present position has something to see."""
        return x_BTE * (1 + self.convolution.weight[0]), tail

    def recur(
        self,
        steps: Steps,
        context_BHKV: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Write into matrices of zeros at every position."""
        read_BTHV = (steps.query * steps.key).sum(dim=-1, keepdim=True) * steps.value
        return read_BTHV, steps.key[:, -1, ..., None] * steps.value[:, -1, ..., None, :]
