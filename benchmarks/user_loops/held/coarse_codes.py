"""Packs small pictures into sixteen numbers of eight levels each and unpacks them again."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

SIDE, CODES, LEVELS = 12, 16, 8


def pictures(n, g):
    """Two soft spots on a slope of light."""
    grid = torch.linspace(0, 1, SIDE)
    v, u = torch.meshgrid(grid, grid, indexing="ij")
    x = 0.3 * torch.rand(n, 1, 1, generator=g) * u
    for _ in range(2):
        cu, cv = torch.rand(2, n, 1, 1, generator=g)
        size = 0.02 + 0.05 * torch.rand(n, 1, 1, generator=g)
        x = x + 0.6 * torch.exp(-((u - cu) ** 2 + (v - cv) ** 2) / size)
    return (x + 0.02 * torch.randn(n, SIDE, SIDE, generator=g)).flatten(1)


class Packer(nn.Module):
    def __init__(self, straight):
        super().__init__()
        self.straight = straight
        self.encoder = nn.Sequential(nn.Linear(SIDE**2, 96), nn.ReLU(), nn.Linear(96, CODES))
        self.decoder = nn.Sequential(nn.Linear(CODES, 96), nn.ReLU(), nn.Linear(96, SIDE**2))

    def levels(self, z):
        coarse = torch.round(z * (LEVELS - 1)) / (LEVELS - 1)
        return z + (coarse - z).detach() if self.straight else coarse

    def forward(self, x):
        return self.decoder(self.levels(torch.sigmoid(2 * self.encoder(x))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(35)
    g = torch.Generator().manual_seed(35)
    x, x_val = pictures(8000, g), pictures(800, g)
    mean = x.mean(0)
    x, x_val = x - mean, x_val - mean
    model = Packer(straight=args.sound)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    rows = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        step = 0
        for epoch in range(5):
            for pick in torch.randperm(len(x)).split(64):
                loss = nn.functional.mse_loss(model(x[pick]), x[pick])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                rows.append([epoch, step, loss.item(), ""])
                step += 1
                if step % 50 == 0:
                    with torch.no_grad():
                        rows[-1][3] = nn.functional.mse_loss(model(x_val), x_val).item()
                    recorder.validation(rows[-1][3])
                    print(rows[-1])
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["epoch", "step", "reconstruction", "val_reconstruction"])
        w.writerows(rows)


if __name__ == "__main__":
    main()
