"""Density of two-dimensional points on two thin arcs by a normalizing flow of coupling layers."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm


def arcs(n, g):
    """Two half circles, drawn thin and small."""
    angle = math.pi * torch.rand(n, generator=g)
    upper = torch.rand(n, generator=g) < 0.5
    x = torch.where(upper, torch.cos(angle), 1 - torch.cos(angle))
    y = torch.where(upper, torch.sin(angle), 0.5 - torch.sin(angle))
    points = torch.stack([x - 0.5, y - 0.25], 1) + 0.05 * torch.randn(n, 2, generator=g)
    return 0.3 * points


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
        self.log_scale = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        a, b = x.chunk(2, 1)
        if self.flip:
            a, b = b, a
        s, t = self.net(a * self.log_scale[0].exp()).chunk(2, 1)
        s = 2 * torch.tanh(s / 2) + self.log_scale[1]
        b = b * s.exp() + t
        return torch.cat([b, a] if self.flip else [a, b], 1), s.sum(1)


class Flow(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(i % 2 == 1) for i in range(layers))

    def forward(self, x):
        """Logarithm of the density."""
        total = torch.zeros(len(x))
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return total - 0.5 * x.square().sum(1) - math.log(2 * math.pi)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(33)
    g = torch.Generator().manual_seed(33)
    held = arcs(2000, g)
    flow = Flow()
    optimizer = torch.optim.Adam(flow.parameters(), lr=3e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    rows = []
    with newllm.record(flow, optimizer, args.out / "recording") as recorder:
        for step in range(600):
            loss = -flow(arcs(128, g)).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
            optimizer.step()
            decay.step()
            recorder.step(loss)
            row = {"step": step, "nll": loss.item()}
            if step % 50 == 49:
                with torch.no_grad():
                    row["held_out_nll"] = -flow(held).mean().item()
                recorder.validation(row["held_out_nll"])
                print(row)
            rows.append(row)
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.DictWriter(f, ["step", "nll", "held_out_nll"])
        w.writeheader()
        w.writerows(rows)


if __name__ == "__main__":
    main()
