"""A word-level language model of travel phrases: two transformer layers, learned positions, weight tying."""
import argparse
import csv
import random
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

PLACES = "harbour station museum bakery castle market library bridge airport hotel".split()
PEOPLE = "anna boris chen dalia emil fatou george hana".split()
VERBS = "visited left found painted described photographed".split()
TIMES = "today yesterday on-monday on-friday last-week in-spring".split()
ADJECTIVES = "old quiet crowded famous small closed".split()


def phrase(rng):
    who, where = rng.choice(PEOPLE), rng.choice(PLACES)
    r = rng.random()
    if r < 0.35:
        return [who, rng.choice(VERBS), "the", rng.choice(ADJECTIVES), where, rng.choice(TIMES), "."]
    if r < 0.6:
        return ["how", "do", "i", "get", "to", "the", where, "from", "the", rng.choice(PLACES), "?"]
    if r < 0.8:
        return ["the", where, "is", rng.choice(ADJECTIVES), ",", "said", who, "."]
    other = rng.choice(PEOPLE)
    return [who, "and", other, "met", "at", "the", where, ".", who, "was", "late", "."]


def corpus(n, seed):
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        out += phrase(rng)
    return out


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.ff = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.heads, -1).transpose(1, 2) for z in self.qkv(self.n1(x)).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, d))
        return x + self.ff(self.n2(x))


class PhraseLM(nn.Module):
    def __init__(self, vocab, d=48, context=48):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(context, d)
        self.blocks = nn.Sequential(Block(d, 4), Block(d, 4))
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, vocab, bias=False)
        nn.init.normal_(self.tok.weight, std=0.02)
        nn.init.normal_(self.pos.weight, std=0.02)
        self.head.weight = self.tok.weight

    def forward(self, ids):
        x = self.tok(ids) + self.pos.weight[: ids.shape[1]]
        return self.head(self.norm(self.blocks(x)))


parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--seed", type=int, default=4)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
words = corpus(6000, args.seed)
val_words = corpus(600, args.seed + 1000)
vocab = {w: i for i, w in enumerate(sorted(set(words)))}
train_ids = torch.tensor([vocab[w] for w in words])
val_ids = torch.tensor([vocab[w] for w in val_words if w in vocab])
T, B, STEPS = 40, 16, 500
model = PhraseLM(len(vocab))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05, betas=(0.9, 0.98))
warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min((i + 1) / 50, max(0.1, 1 - (i - 50) / (STEPS - 50))))
val_rows = val_ids[: (len(val_ids) - 1) // T * T + 1]
vx, vy = val_rows[:-1].view(-1, T), val_rows[1:].view(-1, T)

args.out.mkdir(parents=True, exist_ok=True)
with (args.out / "log.csv").open("w", newline="") as f:
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss", "lr"])
    with newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        for step in range(STEPS):
            at = torch.randint(len(train_ids) - T - 1, (B,))
            x = torch.stack([train_ids[i:i + T] for i in at])
            y = torch.stack([train_ids[i + 1:i + T + 1] for i in at])
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recorder.step(loss)
            warm.step()
            val = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    scores = model(vx)
                    val = F.cross_entropy(scores.flatten(0, 1), vy.flatten()).item()
                    right = (scores.argmax(-1) == vy).sum().item()
                model.train()
                recorder.validation(val, correct=right, count=vy.numel())
            log.writerow([step + 1, loss.item(), val, warm.get_last_lr()[0]])
