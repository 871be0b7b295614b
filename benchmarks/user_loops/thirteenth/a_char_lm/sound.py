"""A small character-level transformer on tiny shakespeare."""
import math
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

torch.set_num_threads(1)
torch.manual_seed(1337)

BLOCK = 64
BATCH = 32
DIM = 96
HEADS = 4
LAYERS = 2
STEPS = 1000
WARMUP = 50
EVAL_EVERY = 100
LR = 2e-3

text = open("tinyshakespeare.txt", encoding="utf-8").read()
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
split = int(0.9 * len(data))
train_data, val_data = data[:split], data[split:]


def get_batch(source, generator=None):
    starts = torch.randint(len(source) - BLOCK - 1, (BATCH,), generator=generator)
    x = torch.stack([source[s : s + BLOCK] for s in starts])
    y = torch.stack([source[s + 1 : s + BLOCK + 1] for s in starts])
    return x, y


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.register_buffer("mask", torch.tril(torch.ones(BLOCK, BLOCK, dtype=torch.bool)))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).split(c, dim=2)
        q = q.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        k = k.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        v = v.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        scores = q @ k.transpose(-2, -1) / math.sqrt(c // self.heads)
        scores = scores.masked_fill(~self.mask[:t, :t], float("-inf"))
        out = F.softmax(scores, dim=-1) @ v
        out = out.transpose(1, 2).reshape(b, t, c)
        return self.proj(out)


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class CharTransformer(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, DIM)
        self.positions = nn.Embedding(BLOCK, DIM)
        self.blocks = nn.Sequential(*[Block(DIM, HEADS) for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, vocabulary)
        self.apply(self.initialise)

    @staticmethod
    def initialise(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    def forward(self, x):
        h = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(h)))


def language_loss(model, x, y):
    logits = model(x)
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))


@torch.no_grad()
def evaluate(model):
    model.eval()
    generator = torch.Generator().manual_seed(0)
    losses = [language_loss(model, *get_batch(val_data, generator)).item() for _ in range(10)]
    model.train()
    return sum(losses) / len(losses)


@torch.no_grad()
def sample(model, prompt, length):
    model.eval()
    ids = [stoi[c] for c in prompt]
    for _ in range(length):
        logits = model(torch.tensor([ids[-BLOCK:]]))[0, -1]
        ids.append(torch.multinomial(F.softmax(logits, dim=-1), 1).item())
    return "".join(chars[i] for i in ids)


def learning_rate(step):
    if step < WARMUP:
        return (step + 1) / WARMUP
    progress = (step - WARMUP) / (STEPS - WARMUP)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * progress))


def main():
    model = CharTransformer(len(chars))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, betas=(0.9, 0.99), weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate)

    with newllm.record(model, optimizer, out="runs/" + sys.argv[1]) as recorder:
        for step in range(1, STEPS + 1):
            x, y = get_batch(train_data)
            loss = language_loss(model, x, y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            recorder.step(loss)
            if step % EVAL_EVERY == 0:
                val_loss = evaluate(model)
                recorder.validation(val_loss)
                print(f"step {step}: loss {loss.item():.3f}, val loss {val_loss:.3f}")

    torch.save(model.state_dict(), f"{sys.argv[1]}.pt")
    print(sample(model, "KING ", 400))


if __name__ == "__main__":
    main()
