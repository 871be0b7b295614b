"""A small Transformer that is not newllm's: post-norm, as in Vaswani et al. 2017, which wants its warm-up.

Shapes: B windows, T tokens, C = 32 channels, H = 2 heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WIDTH, _HEADS, _WINDOW = 32, 2, 16


class Transformer(nn.Module):
    """Two post-norm blocks with learned positions.

    Args:
        classes: number of tokens.
        dropout: probability, after each branch.
    """

    def __init__(self, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, _WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(_WINDOW, _WIDTH))
        self.blocks = nn.Sequential(*(Block(dropout) for _ in range(2)))
        self.head = nn.Linear(_WIDTH, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits [B, T, V] of tokens [B, T]."""
        return self.head(self.blocks(self.embedding(tokens) + self.positions[: tokens.shape[1]]))


class Block(nn.Module):
    """Attention and a ReLU layer, each added and then normed.

    Args:
        dropout: probability, after each branch.
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.qkv, self.mix = nn.Linear(_WIDTH, 3 * _WIDTH), nn.Linear(_WIDTH, _WIDTH)
        self.up, self.down = nn.Linear(_WIDTH, 2 * _WIDTH), nn.Linear(2 * _WIDTH, _WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(_WIDTH) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Return the block's output [B, T, C]."""
        B, T, _ = x_BTC.shape
        parts = self.qkv(x_BTC).reshape(B, T, 3, _HEADS, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).reshape(B, T, -1)
        x_BTC = self.norms[0](x_BTC + self.dropout(self.mix(mixed)))
        return self.norms[1](x_BTC + self.dropout(self.down(self.up(x_BTC).relu())))
