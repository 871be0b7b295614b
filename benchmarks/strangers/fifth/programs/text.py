"""Plain loop: a small GPT on synthetic text."""

import torch
from common import Language, Printer, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(
    steps=300,
    size=16,
    length=32,
    rate=2e-3,
    decay=0.01,
    group=1,
    curriculum=0,
    warmup=20,
    texts=1024,
    schedule="cosine",
)
say = Printer(o.style)
language = Language(o.seed)
texts, held_out = language.text(o.texts, o.length + 1), language.text(128, o.length + 1)


class Block(nn.Module):
    """Attention and two layers."""

    def __init__(self, width, heads=4):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        """One layer."""
        B, T, C = x.shape
        q, k, v = (p.view(B, T, self.heads, -1).transpose(1, 2) for p in self.qkv(self.norm1(x)).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=o.fault != "no-causal-mask")
        x = x + self.out(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """With tied embeddings."""

    def __init__(self, vocabulary, width=48, layers=2):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(o.length, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        self.apply(self.begin)

    def begin(self, module):
        """Weights at the start."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=1.0 if o.fault == "init-too-wide" else 0.02)

    def forward(self, x):
        """Logits."""
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


def loss_of(model, text):
    out = model(text[:, :-1])
    return out, F.cross_entropy(out.flatten(0, 1), text[:, 1:].flatten())


model = GPT(language.vocabulary)
betas = (0.99, 0.9) if o.fault == "betas-swapped" else (0.9, 0.99)
optimizer = torch.optim.AdamW(model.parameters(), lr=o.rate, betas=betas, weight_decay=o.decay)


def factor(step):
    if step < o.warmup:
        return (step + 1) / o.warmup
    if o.schedule == "constant":
        return 1.0
    return 0.1 + 0.45 * (1 + torch.cos(torch.tensor(3.14159 * step / o.steps)).item())


schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
loader = torch.utils.data.DataLoader(texts, batch_size=o.size, shuffle=True, generator=torch.Generator().manual_seed(1))


def endless():
    while True:
        yield from loader


def first_batch():
    loader.generator.manual_seed(1)  # "for reproducibility", in a helper that makes the iterator
    return next(iter(loader))


source = endless()
per_epoch = len(loader)


def micro_batches(step):
    """Those of an update; the last group of an epoch is a short one."""
    left = per_epoch - (step * o.group) % per_epoch if o.group > 1 else 1
    return min(o.group, left)


with newllm.record(model, optimizer, out=o.out / "recording") as recorder:
    for step in range(o.steps):
        optimizer.zero_grad()
        count = micro_batches(step)
        total = 0.0
        for _ in range(count):
            batch = first_batch() if o.fault == "iterator-made-anew" else next(source)
            if o.curriculum:
                batch = batch[:, : [9, 17, o.length + 1][min(2, 3 * step // o.steps)]]
            _, loss = loss_of(model, batch)
            (loss / count).backward()
            total += loss.item() / count
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recorder.step(total)
        schedule.step()
        if step % 10 == 0 or step == o.steps - 1:
            say(step=step, loss=total, lr=optimizer.param_groups[0]["lr"], grad_norm=norm.item())
        if step % 50 == 49:
            model.eval()
            with torch.no_grad():
                out, loss = loss_of(model, held_out)
            right = int((out.argmax(-1) == held_out[:, 1:]).sum())
            model.train()
            recorder.validation(loss.item(), correct=right, count=held_out[:, 1:].numel())
            say(step=step, val_loss=loss.item(), val_acc=right / held_out[:, 1:].numel())
