"""Language models of letters: small transformers and a GRU."""

import math

import torch
from common import LETTERS, Run, fit, text
from torch import nn
from torch.nn import functional as F

run = Run(
    recipe="plain",
    model="transformer",
    rate=3e-3,
    batch=16,
    length=48,
    steps=240,
    evals=40,
    clip=1.0,
    tie=0,
    half=0,
    decay=0.01,
    vocab=0,
)
o, has = run.o, run.has
ids, SIZE, WIDTH = text(), len(LETTERS), 32
train, held = ids[:-8000], ids[-8000:]
chance = torch.Generator().manual_seed(run.seed)


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * self.weight


class Experts(nn.Module):
    """Four experts, one for each token; a loss keeps them balanced."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(WIDTH, 4, bias=False)
        self.up, self.down = (
            nn.Parameter(torch.randn(4, WIDTH, 48) * 0.1),
            nn.Parameter(torch.randn(4, 48, WIDTH) * 0.1),
        )
        self.balance = 0.0

    def forward(self, x):
        share = self.router(x).softmax(-1)
        top = share.argmax(-1)
        self.balance = 4 * (F.one_hot(top, 4).float().mean((0, 1)) * share.mean((0, 1))).sum()
        if has("experts-not-balanced"):
            self.balance = -self.balance
        every = torch.einsum("ebth,ehd->ebtd", torch.relu(torch.einsum("btd,edh->ebth", x, self.up)), self.down)
        return torch.einsum("ebtd,bte->btd", every, F.one_hot(top, 4) * share)


class Block(nn.Module):
    def __init__(self, experts):
        super().__init__()
        self.norm1, self.norm2 = RMSNorm(WIDTH), RMSNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.mlp = Experts() if experts else nn.Sequential(nn.Linear(WIDTH, 96), nn.GELU(), nn.Linear(96, WIDTH))

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (z.view(b, t, 2, w // 2).transpose(1, 2) for z in self.qkv(self.norm1(x)).chunk(3, -1))
        scores = q @ k.transpose(-1, -2) / (1.0 if has("scores-not-divided") else math.sqrt(w // 2))
        if has("scores-not-divided"):
            scores = scores * math.sqrt(w // 2)
        if not has("looks-ahead"):
            scores = scores.masked_fill(torch.ones(t, t, dtype=torch.bool).triu(1), float("-inf"))
        x = x + self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, w))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(SIZE, WIDTH), nn.Embedding(128, WIDTH)
        nn.init.normal_(self.token.weight, std=0.05 if o.tie else 0.3)
        nn.init.normal_(self.place.weight, std=0.05)
        self.blocks = nn.ModuleList(Block(o.recipe == "experts") for _ in range(2))
        self.norm, self.head = RMSNorm(WIDTH), nn.Linear(WIDTH, SIZE, bias=False)
        if o.tie:
            self.head.weight = self.token.weight

    def forward(self, x):
        h = self.token(x)
        if not has("no-places"):
            h = h + self.place(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class Recurrent(nn.Module):
    """A GRU; its state goes on from one stretch of text to the next."""

    def __init__(self):
        super().__init__()
        self.token, self.gru, self.head = (
            nn.Embedding(SIZE, WIDTH),
            nn.GRU(WIDTH, 64, batch_first=True),
            nn.Linear(64, SIZE),
        )
        self.state = None

    def forward(self, x):
        state = self.state if self.training and self.state is not None else None
        out, new = self.gru(self.token(x), state)
        if self.training:
            self.state = new.detach()
        return self.head(out)


model = Recurrent() if o.model == "gru" else Transformer()
if has("weights-in-low-precision"):
    model = model.bfloat16()
decay = 3.0 if has("decay-on-everything") else o.decay
if o.recipe == "sgd":
    optimizer = torch.optim.SGD(model.parameters(), o.rate)
elif o.recipe == "adafactor":
    optimizer = torch.optim.Adafactor(model.parameters(), o.rate)
else:
    frozen = {id(model.token.weight), id(model.place.weight)} if has("embeddings-not-in-the-optimizer") else set()
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if id(p) not in frozen], o.rate, betas=(0.9, 0.98), weight_decay=decay
    )

columns = train[: len(train) // o.batch * o.batch].view(o.batch, -1)


def batch(step):
    if o.model == "gru":
        at = (step * o.length) % (columns.shape[1] - o.length - 1)
        piece = columns[:, at : at + o.length + 1]
        if has("state-of-other-texts"):
            piece = piece[torch.randperm(len(piece), generator=chance)].flip(1)
        return piece
    length = o.length
    if o.recipe == "growing":
        length = (12, 24, 48, 96)[min(3, step // 60)]
    many = o.batch * o.length // length if o.recipe == "growing" else o.batch
    at = torch.randint(len(train) - length - 1, (1 if has("always-the-same-batch") else many,), generator=chance)
    if has("always-the-same-batch"):
        at = torch.arange(o.batch) * 101
    return train[at[:, None] + torch.arange(length + 1)]


def cost(out, target):
    return F.cross_entropy(out.flatten(0, 1).float(), target.flatten())


def loss(piece, step):
    a, b = piece[:, :-1], piece[:, 1:]
    if has("targets-not-shifted"):
        b = a
    if has("targets-one-too-far") and step >= 100:
        a, b = piece[:, :-2], piece[:, 2:]
    value = cost(model(a), b)
    if o.recipe == "experts":
        value = value + 0.02 * (20 if has("experts-not-balanced") else 1) * sum(
            block.mlp.balance for block in model.blocks
        )
    return value


def before(step):
    """Half precision with a fixed scale, as without a scaler's check."""
    if has("gradients-overflow"):
        for p in model.parameters():
            if p.grad is not None:
                scaled = (p.grad * 2.0 ** min(24, 12 + step // 10)).half()
                p.grad.copy_(scaled.float() / 2.0 ** min(24, 12 + step // 10))
    if has("one-bad-update") and step == 130:
        for p in model.parameters():
            p.grad.mul_(3e4)


def evaluate():
    many = held[: 7680 // o.length * o.length].view(-1, o.length)
    out = model(many[:, :-1])
    target = many[:, :-1] if has("targets-not-shifted") else many[:, 1:]
    right = (out.argmax(-1) == target).sum()
    return {"loss": float(cost(out, target)), "correct": int(right), "count": target.numel()}


rate = None
if o.recipe in ("cosine", "experts"):
    rate = lambda s: min(1, (s + 1) / 30) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * s / o.steps)))  # noqa: E731
if o.recipe == "warm":
    warm = 40 if not has("warm-up-never-ends") else 40 * 1000
    rate = lambda s: min(1, (s + 1) / warm)  # noqa: E731
notes = [(60 * i + 1, "longer sequences") for i in (1, 2, 3)] if o.recipe == "growing" else []
clip = 0.0 if has("one-bad-update") else o.clip
fit(
    run,
    model,
    optimizer,
    batch,
    loss,
    evaluate=evaluate,
    steps=o.steps,
    evals=o.evals,
    clip=clip,
    rate=rate,
    half=bool(o.half),
    before=before,
    notes=notes,
    vocabulary=SIZE if o.vocab else None,
)
