"""Small models as people write them in tutorials. Faults of a model are arguments that are off by default."""

import itertools
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """One layer of a transformer; the norm comes first."""

    def __init__(self, width: int, heads: int, dropout: float, causal: bool):
        super().__init__()
        self.heads, self.causal, self.dropout = heads, causal, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Attend and think."""
        rows, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.drop(self.out(seen.transpose(1, 2).reshape(rows, length, width)))
        return x + self.drop(self.mlp(self.norm2(x)))


class TinyGPT(nn.Module):
    """A small GPT.

    Args:
        causal: False leaves the mask out.
        embedding_scale: above 1 embeddings start that much larger, and the head shares them.
    """

    def __init__(
        self, vocab: int, width: int = 32, layers: int = 1, heads: int = 2, length: int = 64, dropout: float = 0.0,
        causal: bool = True, embedding_scale: float = 1.0,
    ):  # fmt: skip
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, causal) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocab, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.05)
        if embedding_scale > 1:
            self.head.weight = self.wte.weight
            nn.init.normal_(self.wte.weight, std=0.05 * embedding_scale)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits."""
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class CharRNN(nn.Module):
    """An embedding, a recurrent network, a linear map; no clean-up of what recurs."""

    def __init__(self, vocab: int, kind: Literal["RNN", "GRU", "LSTM", "ReLU"] = "LSTM", width: int = 48):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        make = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM, "ReLU": nn.RNN}[kind]
        self.rnn = make(width, width, batch_first=True, **({"nonlinearity": "relu"} if kind == "ReLU" else {}))
        self.head = nn.Linear(width, vocab)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.rnn(self.embedding(ids))[0])


def cnn(
    norm: bool = True, dropout: float = 0.0, width: int = 16, classes: int = 10, softmax: bool = False
) -> nn.Sequential:
    """Return a CNN for digits of 8 by 8; `softmax` puts one at its end, before a loss that has its own."""

    def layer(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 3, padding=1), *([nn.BatchNorm2d(after)] if norm else []), nn.ReLU()]

    parts = [*layer(1, width), *layer(width, width), nn.MaxPool2d(2), *layer(width, 2 * width), nn.Flatten(),
             nn.Dropout(dropout), nn.Linear(32 * width, classes)]  # fmt: skip
    return nn.Sequential(*parts, *([nn.Softmax(-1)] if softmax else []))


def mlp(*widths: int, activation: type[nn.Module] = nn.ReLU, dropout: float = 0.0) -> nn.Sequential:
    """Return linear maps with an activation between them."""
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        parts += [nn.Linear(before, after), activation(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*parts[: -2 if dropout else -1])


class LowRank(nn.Module):
    """A frozen linear map with a trained one of low rank beside it, as LoRA has it."""

    def __init__(self, inner: nn.Linear, rank: int = 4, scale: float = 2.0, zero_both: bool = False):
        super().__init__()
        self.inner, self.scale = inner, scale
        inner.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, inner.in_features) * (0.0 if zero_both else 0.1))
        self.up = nn.Parameter(torch.zeros(inner.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Add both."""
        return self.inner(x) + self.scale * (x @ self.down.T @ self.up.T)


class Seq2Seq(nn.Module):
    """Encoder and decoder of GRUs; a start sign is 0."""

    def __init__(self, vocab: int = 11, width: int = 64):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.encoder, self.decoder = nn.GRU(width, width, batch_first=True), nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocab)

    def forward(self, source: Tensor, target: Tensor, forced: float = 1.0) -> Tensor:
        """Return logits; each input of the decoder is with probability `forced` the true sign, else its own."""
        _, state = self.encoder(self.embedding(source))
        given = torch.cat([torch.zeros_like(target[:, :1]), target[:, :-1]], 1)
        if forced == 1.0:
            return self.head(self.decoder(self.embedding(given), state)[0])
        sign, logits = given[:, :1], []
        for place in range(target.shape[1]):
            if torch.rand(()) < forced:
                sign = given[:, place : place + 1]
            seen, state = self.decoder(self.embedding(sign), state)
            logits.append(self.head(seen))
            sign = logits[-1].argmax(-1)
        return torch.cat(logits, 1)
