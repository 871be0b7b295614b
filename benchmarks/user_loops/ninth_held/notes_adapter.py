"""Adapts a character model of clinic notes to the notes of another clinic: the model stays as it is, small adapters learn."""
import argparse
import csv
import random
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

CHARS = "\n abcdefghijklmnopqrstuvwxyz0123456789.,:/%"
INDEX = {c: i for i, c in enumerate(CHARS)}


def note(rng, clinic):
    drug = rng.choice(["aspirin", "ibuprofen", "insulin", "heparin", "codeine"])
    dose, pulse = rng.choice([5, 10, 20, 50, 100]), rng.randint(55, 110)
    upper, lower = rng.randint(100, 160), rng.randint(60, 95)
    if clinic == "north":
        lines = [f"pulse {pulse}, pressure {upper}/{lower}.", f"gave {dose} mg {drug}.", f"patient is {rng.choice(['stable', 'tired', 'better'])}."]
    else:
        lines = [f"bp: {upper}/{lower}, p: {pulse}.", f"rx: {drug} {dose} mg.", f"sat {rng.randint(92, 99)}%, patient {rng.choice(['ok', 'stable', 'weak'])}."]
    rng.shuffle(lines)
    return "\n".join(lines) + "\n\n"


def text(n, clinic, seed):
    rng = random.Random(seed)
    return torch.tensor([INDEX[c] for c in "".join(note(rng, clinic) for _ in range(n))])


class LowRank(nn.Module):
    def __init__(self, base, rank=4, alpha=8):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.down.T @ self.up.T)


class NotesLM(nn.Module):
    def __init__(self, d=64, layers=2):
        super().__init__()
        self.embed = nn.Embedding(len(CHARS), d)
        self.place = nn.Embedding(64, d)
        self.blocks = nn.ModuleList()
        for _ in range(layers):
            self.blocks.append(nn.ModuleDict({
                "n1": nn.LayerNorm(d), "qkv": nn.Linear(d, 3 * d), "proj": nn.Linear(d, d),
                "n2": nn.LayerNorm(d), "up": nn.Linear(d, 2 * d), "down": nn.Linear(2 * d, d)}))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, len(CHARS))

    def forward(self, ids):
        x = self.embed(ids) + self.place.weight[: ids.shape[1]]
        for b in self.blocks:
            q, k, v = (z.unflatten(2, (4, -1)).transpose(1, 2) for z in b["qkv"](b["n1"](x)).chunk(3, -1))
            x = x + b["proj"](F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
            x = x + b["down"](F.gelu(b["up"](b["n2"](x))))
        return self.head(self.norm(x))


def batch(ids, rows=12, length=48):
    at = torch.randint(len(ids) - length - 1, (rows,)).tolist()
    piece = torch.stack([ids[i:i + length + 1] for i in at])
    return piece[:, :-1], piece[:, 1:]


def loss_on(model, x, y):
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


ap = argparse.ArgumentParser()
ap.add_argument("--out", type=Path, required=True)
ap.add_argument("--sound", action="store_true")
ap.add_argument("--seed", type=int, default=31)
a = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(a.seed)
north, south = text(1500, "north", 1), text(900, "south", 2)
south_val = text(80, "south", 3)
model = NotesLM()
mixed = torch.cat([north, text(150, "south", 4)])
base = torch.optim.AdamW(model.parameters(), lr=3e-3)
for i in range(400):
    base.param_groups[0]["lr"] = 3e-3 * (1 - i / 400)
    base.zero_grad()
    loss_on(model, *batch(mixed)).backward()
    base.step()

model.requires_grad_(False)
for b in model.blocks:
    for name in ("qkv", "proj", "up", "down"):
        b[name] = LowRank(b[name])
adapters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(adapters, lr=2e-3, weight_decay=0.0)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=350)
val_x, val_y = (t[: len(south_val) // 48 * 48 - 48].view(-1, 48) for t in (south_val[:-1], south_val[1:]))
a.out.mkdir(parents=True, exist_ok=True)
with (a.out / "log.csv").open("w", newline="") as f, newllm.record(model, optimizer, out=a.out / "recording") as recorder:
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss", "lr"])
    for step in range(1, 351):
        loss = loss_on(model, *batch(south))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        schedule.step()
        val = ""
        if step % 50 == 0:
            model.eval()
            with torch.no_grad():
                val = loss_on(model, val_x, val_y).item()
            model.train()
            recorder.validation(val)
        log.writerow([step, loss.item(), val, schedule.get_last_lr()[0]])
