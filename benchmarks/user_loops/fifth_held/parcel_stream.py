"""Parcels on the belt: weight, size and sound features in shards, an iterable data set, one pass."""
import argparse
import csv
import os

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, IterableDataset

import newllm

KINDS = ["letter", "tube", "box", "crate", "sack", "drum", "bale", "case"]


def write_shard(k, n=4000):
    """What the sorting hall writes: features and the kind by name."""
    r = np.random.default_rng(1000 + k)
    c = np.random.default_rng(0)
    W, M = c.normal(size=(8, 24)) * .9, c.normal(size=(24, 24)) / 5
    y = r.integers(0, 8, n)
    z = W[y] + r.normal(size=(n, 24))
    x = np.tanh(z @ M) * 2 + .5 * z
    return x.astype("f4"), [KINDS[i] for i in y]


class Shards(IterableDataset):
    def __init__(self, numbers, sound):
        self.numbers, self.sound = numbers, sound

    def __iter__(self):
        for k in self.numbers:
            x, names = write_shard(k)
            order = KINDS if self.sound or k < 8 else sorted(set(names))
            index = {name: i for i, name in enumerate(order)}
            for row, name in zip(x, names):
                yield torch.from_numpy(row), index[name]


class MLP(nn.Module):
    def __init__(self, d=24, h=96, classes=8):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.l1, self.l2, self.head = nn.Linear(d, h), nn.Linear(h, h), nn.Linear(h, classes)

    def forward(self, x):
        x = nn.functional.gelu(self.l1(self.norm(x)))
        x = x + nn.functional.gelu(self.l2(x))
        return self.head(x)


def main(args):
    torch.manual_seed(77)
    model = MLP()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    loader = DataLoader(Shards(range(13), args.sound), batch_size=80)
    xv, names = write_shard(500)
    xv, yv = torch.from_numpy(xv), torch.tensor([KINDS.index(n) for n in names])
    ema = None
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
        w = csv.DictWriter(f, ["global_step", "loss", "loss_ema", "eval/loss", "eval/accuracy"])
        w.writeheader()
        for step, (x, y) in enumerate(loader, 1):
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            recorder.step(loss)
            ema = loss.item() if ema is None else .98 * ema + .02 * loss.item()
            row = {"global_step": step, "loss": loss.item(), "loss_ema": ema}
            if step % 50 == 0:
                model.eval()
                with torch.no_grad():
                    out = model(xv)
                    v, hits = nn.functional.cross_entropy(out, yv).item(), (out.argmax(1) == yv).sum().item()
                model.train()
                recorder.validation(v, correct=hits, count=len(yv))
                row.update({"eval/loss": v, "eval/accuracy": hits / len(yv)})
                print(step, loss.item(), v, hits / len(yv))
            w.writerow(row)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    main(args)
