"""Trainings of many kinds in which nothing is wrong: each gives model, loss and batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Parts = tuple[nn.Module, Callable[[nn.Module, Any], Tensor], Any]
VOCABULARY = 50


class Reader(nn.Module):
    """A small recurrent language model."""

    def __init__(self, *, batch_first: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 32)
        self.lstm = nn.LSTM(32, 32, batch_first=batch_first)
        self.head = nn.Linear(32, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.lstm(self.embedding(tokens))[0])


class Transformer(nn.Module):
    """One block of attention; bidirectional if it is not causal. Padding is left out by `attention_mask`."""

    def __init__(self, *, causal: bool = True, masks: bool = True, dropout: float = 0.1) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 32)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, dropout=dropout, batch_first=True)
        self.head = nn.Linear(32, VOCABULARY)
        self.causal, self.masks = causal, masks

    def forward(self, tokens: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        length = tokens.shape[1]
        mask = torch.ones(length, length, dtype=torch.bool).triu(1) if self.causal else None
        left_out = ~attention_mask.bool() if attention_mask is not None and self.masks else None
        return self.head(self.block(self.embedding(tokens), src_mask=mask, src_key_padding_mask=left_out))


class Autoencoder(nn.Module):
    """A variational one: it samples in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 16), nn.Linear(8, 64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, -1)
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return torch.sigmoid(self.decoder(z)), mean, log_variance


class Graph(nn.Module):
    """Rows are nodes, which see each other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(10, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        near = torch.eye(len(x)).index_put((edges[0], edges[1]), torch.ones(edges.shape[1]))
        return self.second(near @ torch.relu(self.first(near @ x)))


class Pairs(nn.Module):
    """Similarities of every row of one side to every row of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(10, 8), nn.Linear(12, 8)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return 10 * F.normalize(self.first(x), dim=-1) @ F.normalize(self.second(y), dim=-1).T


class Words(nn.Module):
    """The mean of a row's embeddings, whose gradient is sparse."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.EmbeddingBag(VOCABULARY, 16, sparse=True), nn.Linear(16, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embedding(tokens))


class LowRank(nn.Module):
    """LoRA: the second factor begins at zero, so that the first gets no gradient in the first update."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.a = nn.Parameter(0.1 * torch.randn(4, linear.in_features))
        self.b = nn.Parameter(torch.zeros(linear.out_features, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + x @ self.a.T @ self.b.T


def classes(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def next_token(model: nn.Module, tokens: Tensor) -> Tensor:
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


def mlp(width: int = 3, *more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, width), *more)


def table() -> tuple[Tensor, Tensor]:
    return torch.randn(16, 10), torch.randint(0, 3, (16,))


def tokens() -> Tensor:
    return torch.randint(0, VOCABULARY, (8, 21))


def convolutions() -> nn.Sequential:
    layers = [nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(288, 10)]
    return nn.Sequential(*layers)


def padded() -> dict[str, Tensor]:
    held = tokens()
    mask = torch.ones_like(held)
    mask[::2, 12:] = 0
    return {"tokens": held.masked_fill(mask == 0, 0), "attention_mask": mask}


def padded_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    targets = batch["tokens"].masked_fill(batch["attention_mask"] == 0, -100)[:, 1:]
    return F.cross_entropy(model(**batch)[:, :-1].flatten(0, 1), targets.flatten())


def _autoencoder(model: nn.Module, x: Tensor) -> Tensor:
    again, mean, log_variance = model(x)
    apart = F.binary_cross_entropy(again, x, reduction="sum") / len(x)
    return apart - 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1).mean()


def _diffusion(model: nn.Module, x: Tensor) -> Tensor:
    time, noise = torch.rand(len(x), 1), torch.randn_like(x)
    return F.mse_loss(model(torch.cat([x * (1 - time) + noise * time, time], -1)), noise)


def _contrastive(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    z = F.normalize(model(torch.cat(batch)), dim=-1)
    count = len(batch[0])
    alike = (z @ z.T / 0.1).masked_fill(torch.eye(2 * count, dtype=torch.bool), -1e9)
    return F.cross_entropy(alike, torch.arange(2 * count).roll(count))


def _masked(model: nn.Module, held: Tensor) -> Tensor:
    hidden = torch.rand(held.shape) < 0.2
    targets = held.masked_fill(~hidden, -100)
    return F.cross_entropy(model(held.masked_fill(hidden, 0)).flatten(0, 1), targets.flatten())


def _policy(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    return -(torch.distributions.Categorical(logits=model(batch[0])).log_prob(batch[1]) * batch[2]).mean()


def _focal(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    logits = model(batch[0])
    sure = logits.softmax(-1).gather(1, batch[1][:, None]).squeeze(1)
    return ((1 - sure) ** 2 * F.cross_entropy(logits, batch[1], reduction="none")).mean()


def _generator() -> Parts:
    judge = mlp(1).requires_grad_(False)
    return mlp(10), lambda model, x: F.softplus(-judge(model(x))).mean(), torch.randn(16, 10)


def _time_first(model: nn.Module, held: Tensor) -> Tensor:
    return F.cross_entropy(model(held[:-1]).flatten(0, 1), held[1:].flatten())


def _images(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"])


def _pixels() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))


def _smooth(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.1, ignore_index=2)


def _mixed(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch[0])
    return F.cross_entropy(logits.float(), batch[1])


HEALTHY: dict[str, Callable[[], Parts]] = {
    "classifier": lambda: (mlp(), classes, table()),
    "convolutions": lambda: (
        convolutions(), _images, {"x": torch.randn(16, 1, 8, 8), "y": torch.randint(0, 10, (16,))},
    ),
    "recurrent": lambda: (Reader(), next_token, tokens()),
    "recurrent, time first": lambda: (Reader(batch_first=False), _time_first, tokens().T.contiguous()),
    "transformer": lambda: (Transformer(), next_token, tokens()),
    "padded": lambda: (Transformer(), padded_loss, padded()),
    "masked": lambda: (Transformer(causal=False), _masked, tokens()),
    "autoencoder": lambda: (Autoencoder(), _autoencoder, torch.rand(16, 64)),
    "diffusion": lambda: (nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 2)), _diffusion, torch.randn(64, 2)),
    "contrastive": lambda: (mlp(16), _contrastive, (torch.randn(16, 10), torch.randn(16, 10))),
    "pairs": lambda: (
        Pairs(),
        lambda model, batch: F.cross_entropy(model(*batch), torch.arange(16)),
        (torch.randn(16, 10), torch.randn(16, 12)),
    ),
    "regression": lambda: (
        mlp(1),
        lambda model, batch: F.mse_loss(model(batch[0]).squeeze(-1), batch[1]),
        (torch.randn(16, 10), torch.randn(16)),
    ),
    "policy": lambda: (mlp(4), _policy, (torch.randn(32, 10), torch.randint(0, 4, (32,)), torch.randn(32))),
    "graph": lambda: (
        Graph(),
        lambda model, batch: F.cross_entropy(model(batch[0], batch[1]), batch[2]),
        (torch.randn(16, 10), torch.randint(0, 16, (2, 40)), torch.randint(0, 3, (16,))),
    ),
    "low rank": lambda: (
        nn.Sequential(LowRank(nn.Linear(10, 32)), nn.ReLU(), LowRank(nn.Linear(32, 3))), classes, table(),
    ),
    "pixels": lambda: (_pixels(), classes, (torch.randn(4, 1, 8, 8), torch.randint(0, 4, (4, 8, 8)))),
    "smooth labels": lambda: (_pixels(), _smooth, (torch.randn(4, 1, 8, 8), torch.randint(0, 4, (4, 8, 8)))),
    "log-softmax": lambda: (mlp(3, nn.LogSoftmax(-1)), lambda model, b: F.nll_loss(model(b[0]), b[1]), table()),
    "several labels": lambda: (
        mlp(),
        lambda model, batch: F.binary_cross_entropy_with_logits(model(batch[0]), batch[1]),
        (torch.randn(16, 10), torch.rand(16, 3).round()),
    ),
    "focal": lambda: (mlp(), _focal, table()),
    "class weights": lambda: (
        mlp(), lambda m, b: F.cross_entropy(m(b[0]), b[1], weight=torch.tensor([1.0, 5.0, 2.0])), table(),
    ),
    "generator": _generator,
    "bfloat16 at a rate that moves it": lambda: (
        mlp().to(torch.bfloat16), lambda m, b: classes(m, b).float(), (torch.randn(16, 10).bfloat16(), table()[1]),
    ),
    "mixed precision": lambda: (mlp(), _mixed, table()),
}  # fmt: skip
