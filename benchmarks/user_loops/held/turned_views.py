"""Learns pictures without names: each picture is shown in four turns, and the network says which turn it is."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

SIDE = 12


def pictures(n, g):
    """Trees of two kinds on a ground: a trunk, a crown above it, some noise."""
    kind = torch.randint(2, (n,), generator=g)
    grid = torch.arange(SIDE).float()
    v, u = torch.meshgrid(grid, grid, indexing="ij")
    place = 3 + 6 * torch.rand(n, 1, 1, generator=g)
    height = 4 + 2 * torch.rand(n, 1, 1, generator=g)
    trunk = ((u - place).abs() < 1) & (v > height)
    round_crown = (u - place) ** 2 + (v - height) ** 2 < 7
    pointed = ((u - place).abs() < (v - height + 4) * 0.7) & (v < height + 1) & (v > height - 4)
    crown = torch.where(kind[:, None, None] == 0, round_crown, pointed)
    x = 0.6 * trunk.float() + crown.float() + 0.3 * (v > 10).float()
    return (x + 0.6 * torch.randn(n, SIDE, SIDE, generator=g))[:, None], kind


def four_turns(x):
    """All four turns of each picture, one after another."""
    turned = torch.stack([torch.rot90(x, k, (2, 3)) for k in range(4)], 1)
    return turned.flatten(0, 1), torch.arange(4).repeat(len(x))


class Views(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.turn = nn.Linear(24 * 9, 4)

    def forward(self, x):
        return self.turn(self.features(x))


def probe(model, x, kind):
    """How well a linear classifier on the features tells the two kinds of trees: ridge regression on half of them."""
    with torch.no_grad():
        f = model.features(x)
    f = torch.cat([f, torch.ones(len(f), 1)], 1)
    half = len(f) // 2
    target = 2.0 * kind - 1
    w = torch.linalg.solve(f[:half].T @ f[:half] + 10 * torch.eye(f.shape[1]), f[:half].T @ target[:half])
    return ((f[half:] @ w > 0) == (kind[half:] == 1)).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(57)
    g = torch.Generator().manual_seed(57)
    x, _ = pictures(6000, g)
    x_val, kind_val = pictures(1600, g)
    turned_val, turn_val = four_turns(x_val[:300])
    model = Views()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, args.out / "recording") as recorder, (args.out / "log.csv").open("w") as file:
        log = csv.writer(file)
        log.writerow(["step", "pretext_loss", "val_pretext_loss", "val_pretext_acc", "probe_acc"])
        for step in range(500):
            views, turn = four_turns(x[torch.randint(len(x), (16,))])
            loss = nn.functional.cross_entropy(model(views), turn)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            extra = ["", "", ""]
            if step % 50 == 49:
                with torch.no_grad():
                    out = model(turned_val)
                hits = (out.argmax(1) == turn_val).sum().item()
                val = nn.functional.cross_entropy(out, turn_val).item()
                recorder.validation(val, correct=hits, count=len(turn_val))
                extra = [val, hits / len(turn_val), probe(model, x_val, kind_val)]
                print(step, loss.item(), extra)
            log.writerow([step, loss.item(), *extra])


if __name__ == "__main__":
    main()
