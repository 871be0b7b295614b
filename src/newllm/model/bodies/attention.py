"""A modern Transformer on the same blocks: RoPE, QK-norm, SwiGLU, RMSNorm, the short convolution.

It looks back over a window, so that its memory is bounded and it can be carried like any other body.
Within one training window it is plain causal attention.

Shapes: B rows, T positions, D channels, H heads, E width of a head.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.model.bodies.attend import attend, empty_cache
from newllm.model.bodies.block import Blocks, Mixer
from newllm.model.bodies.body import State
from newllm.model.config import ModelConfig
from newllm.model.convolution import ShortConvolution

BASE = 10_000.0  # of the rotary embedding


class AttentionMixer(Mixer):
    """Convolution, query, key and value, softmax attention, output."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.window, self.dropout = config.heads, config.window, config.dropout
        self.convolution = ShortConvolution(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width, bias=False)
        self.query_norm = nn.RMSNorm(config.width // config.heads)
        self.key_norm = nn.RMSNorm(config.width // config.heads)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.out.is_residual_output = True  # type: ignore[attr-defined]

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return an empty cache and a convolution tail of zeros."""
        width, dtype = self.out.weight.shape[0] // self.heads, self.out.weight.dtype
        cache = empty_cache(rows, self.heads, width, device, dtype)
        return {**cache, "tail": self.convolution.initial_tail(rows, device)}

    def forward(
        self, x_BTD: Tensor, state: State, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, State]:
        """Mix by attention over the window."""
        has_resets = reset_BT is not None
        x_BTD, tail = self.convolution(x_BTD, state["tail"], position_BT, has_resets=has_resets)
        query, key, value = self.query_key_value(x_BTD).unflatten(-1, (3, self.heads, -1)).unbind(2)
        query, key = (
            self._rotated(query, self.query_norm, position_BT),
            self._rotated(key, self.key_norm, position_BT),
        )
        dropout = self.dropout if self.training else 0.0
        mixed_BTD, cache = attend(
            query, key, value, state, position_BT, window=self.window, has_resets=has_resets, dropout=dropout
        )
        return self.out(mixed_BTD), {**cache, "tail": tail}

    @staticmethod
    def _rotated(x_BTHE: Tensor, norm: nn.RMSNorm, position_BT: Tensor) -> Tensor:
        """Normalise and rotate, in the dtype of the matrix product before."""
        normed = F.rms_norm(x_BTHE, norm.normalized_shape, norm.weight.to(x_BTHE.dtype), norm.eps)
        return rotate(normed, position_BT)


class Attention(Blocks):
    """Blocks that mix by attention."""

    def mixers(self, config: ModelConfig) -> Iterator[Mixer]:
        """Yield one for each block."""
        return (AttentionMixer(config) for _ in range(config.layers))


def rotate(x_BTHE: Tensor, position_BT: Tensor) -> Tensor:
    """Turn each pair of channels by its position's angle (Su et al. 2021, arXiv:2104.09864).

    Angles are formed in float64 for long texts.
    """
    half = x_BTHE.shape[-1] // 2
    on_mps = x_BTHE.device.type == "mps"  # which has no float64
    wide = torch.float32 if on_mps else torch.float64
    frequency = BASE ** (-torch.arange(half, device=x_BTHE.device, dtype=wide) / half)
    angle_BT1E = (position_BT.to(wide)[..., None] * frequency)[:, :, None]
    cosine, sine = angle_BT1E.cos().to(x_BTHE.dtype), angle_BT1E.sin().to(x_BTHE.dtype)
    first, second = x_BTHE[..., :half], x_BTHE[..., half:]
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
