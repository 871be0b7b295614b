"""Models that train in milliseconds, and data that they can learn.

Shapes: B rows of a batch, T positions, D width, H heads, E width of a head, V tokens, F features.
"""

import torch
import torch.nn.functional as F
from torch import nn

from silent_case import Batches, Loss

FEATURES, CLASSES, VOCABULARY, LENGTH = 16, 4, 24, 16


def classifier(*, hidden: int = 32, features: int = FEATURES, outputs: int = CLASSES) -> nn.Sequential:
    """A network of two layers."""
    return nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, outputs))


def labelled_rows(seed: int, *, rows: int = 256, batch: int = 32) -> Batches:
    """Rows of numbers and their classes by a linear rule, in order, again and again."""
    chance = torch.Generator().manual_seed(1000 + seed)
    x_NF = torch.randn(rows, FEATURES, generator=chance)
    y_N = (x_NF @ torch.randn(FEATURES, CLASSES, generator=chance)).argmax(-1)

    def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        start = step * batch % rows
        return x_NF[start : start + batch], y_N[start : start + batch]

    return batches


def classification_loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def texts(seed: int, *, rows: int = 8, length: int = LENGTH, least: int = 0) -> Batches:
    """Rows of tokens from `least` on; what follows a token is nearly certain."""
    span = VOCABULARY - least

    def batches(step: int) -> torch.Tensor:
        chance = torch.Generator().manual_seed(1000 * seed + step)
        tokens_BT = torch.randint(0, span, (rows, length), generator=chance)
        jumps_BT = torch.rand(rows, length, generator=chance) < 0.1
        for t in range(1, length):
            follows_B = (5 * tokens_BT[:, t - 1] + 3) % span
            tokens_BT[:, t] = torch.where(jumps_BT[:, t], tokens_BT[:, t], follows_B)
        return tokens_BT + least

    return batches


def next_token_loss(model: nn.Module, tokens_BT: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(tokens_BT[:, :-1]).flatten(0, 1), tokens_BT[:, 1:].flatten())


class Attention(nn.Module):
    """Causal attention of several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x_BTD: torch.Tensor, mask_BTT: torch.Tensor | None = None) -> torch.Tensor:
        """Attends, merges the heads, projects."""
        q_BHTE, k_BHTE, v_BHTE = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.split(x_BTD))
        return self.project(self.merge(self.attend(q_BHTE, k_BHTE, v_BHTE, mask_BTT)))

    def split(self, x_BTD: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Queries, keys, values."""
        return self.qkv(x_BTD).chunk(3, dim=-1)

    def attend(
        self, q_BHTE: torch.Tensor, k_BHTE: torch.Tensor, v_BHTE: torch.Tensor, mask_BTT: torch.Tensor | None
    ) -> torch.Tensor:
        """What each position reads. A mask stands for the causal mask."""
        mask = None if mask_BTT is None else mask_BTT[:, None]
        return F.scaled_dot_product_attention(q_BHTE, k_BHTE, v_BHTE, attn_mask=mask, is_causal=mask is None)

    def merge(self, y_BHTE: torch.Tensor) -> torch.Tensor:
        """The heads of a position side by side."""
        return y_BHTE.transpose(1, 2).flatten(2)

    def project(self, y_BTD: torch.Tensor) -> torch.Tensor:
        """The last matrix."""
        return self.out_proj(y_BTD)


class Block(nn.Module):
    """Attention and a network of two layers, each added to what came in."""

    def __init__(self, width: int, attention: nn.Module) -> None:
        super().__init__()
        self.first, self.attention = nn.LayerNorm(width), attention
        self.second = nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x_BTD: torch.Tensor, mask_BTT: torch.Tensor | None = None) -> torch.Tensor:
        """One block."""
        x_BTD = x_BTD + self.attention(self.first(x_BTD), mask_BTT)
        return x_BTD + self.network(self.second(x_BTD))


class LanguageModel(nn.Module):
    """A Transformer that predicts the next token."""

    def __init__(self, kind: type[Attention] = Attention, *, width: int = 32, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(Block(width, kind(width, heads)) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, tokens_BT: torch.Tensor, mask_BTT: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of the next token, at every position."""
        x_BTD = self.embedding(tokens_BT) + self.positions(torch.arange(tokens_BT.shape[1]))
        for block in self.blocks:
            x_BTD = block(x_BTD, mask_BTT)
        return self.head(self.last(x_BTD))


def initialise(module: nn.Module) -> None:
    """GPT-2's numbers, for `model.apply`."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02 if isinstance(module, nn.Embedding) else module.weight.shape[1] ** -0.5)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.LayerNorm):
        module.reset_parameters()


def plain_step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Loss, batches: Batches):
    """A training step as it should be."""

    def step(number: int) -> float:
        optimizer.zero_grad()
        value = loss(model, batches(number))
        value.backward()
        optimizer.step()
        return value.item()

    return step
