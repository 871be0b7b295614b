"""Sorts fruit by twelve readings of an optical sorter (eight sorts, some much rarer than others)."""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn

import newllm

SORTS = 8
FREQUENCY = np.array([40, 20, 12, 8, 7, 5, 5, 3]) / 100


def sample(n, rng):
    centres = np.random.default_rng(2).normal(size=(SORTS, 12)) * 0.8
    y = rng.choice(SORTS, size=n, p=FREQUENCY)
    x = centres[y] + rng.normal(size=(n, 12)) * 0.9
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


class Sorter(nn.Module):
    """Three layers; gives logarithms of probabilities."""

    def __init__(self, dim):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(12, 40), nn.LeakyReLU(), nn.Linear(40, 40), nn.LeakyReLU(), nn.Linear(40, SORTS)
        )
        self.dim = dim

    def forward(self, x):
        return nn.functional.log_softmax(self.layers(x), dim=self.dim)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(9)
    rng = np.random.default_rng(9)
    x, y = sample(6400, rng)
    x_dev, y_dev = sample(64 * 16, rng)
    model = Sorter(dim=1 if args.sound else 0)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    loss_fn = nn.NLLLoss()
    rows = []
    with newllm.record(model, optimizer, args.out / "recording") as rec:
        for epoch in range(6):
            order = torch.from_numpy(rng.permutation(len(x)))
            for i, batch in enumerate(order.split(64)):
                model.zero_grad()
                log_p = model(x[batch])
                loss = loss_fn(log_p, y[batch])
                loss.backward()
                optimizer.step()
                rec.step(loss)
                acc = (log_p.argmax(1) == y[batch]).float().mean().item()
                rows.append([epoch, epoch * 100 + i, loss.item(), acc, "", ""])
            dev_loss, hits = 0.0, 0
            with torch.no_grad():
                for xb, yb in zip(x_dev.split(64), y_dev.split(64), strict=True):
                    log_p = model(xb)
                    dev_loss += loss_fn(log_p, yb).item() / 16
                    hits += (log_p.argmax(1) == yb).sum().item()
            rec.validation(dev_loss, correct=hits, count=len(y_dev))
            rows[-1][4:] = [dev_loss, hits / len(y_dev)]
            print(f"epoch {epoch}  loss {loss.item():.3f}  dev {dev_loss:.3f}  accuracy {hits / len(y_dev):.3f}")
    with open(args.out / "log.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "iter", "nll", "acc", "dev_nll", "dev_acc"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
