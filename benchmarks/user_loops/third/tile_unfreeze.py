"""Patterns of tiles: layers that were trained on one kind of patterns are released one after another for another kind."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


def tiles(n, g, turned):
    """Gratings in four directions and two widths; the second task has its directions turned and some dust."""
    y = torch.randint(8, (n,), generator=g)
    angle = (y % 4) * 0.785 + (0.39 if turned else 0.0)
    width = 0.9 + 0.6 * (y // 4)
    grid = torch.arange(14).float()
    a = torch.cos(angle)[:, None, None] * grid[:, None] + torch.sin(angle)[:, None, None] * grid[None]
    phase = 6.28 * torch.rand(n, 1, 1, generator=g)
    x = torch.sin(width[:, None, None] * a + phase)
    return (x + (1.7 if turned else 0.7) * torch.randn(n, 14, 14, generator=g))[:, None], y


def block(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))


class TileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.low = block(1, 12)
        self.high = block(12, 24)
        self.head = nn.Linear(24 * 9, 8)

    def forward(self, x):
        return self.head(self.high(self.low(x)).flatten(1))


def pretrain(net, g):
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(150):
        x, y = tiles(64, g, turned=False)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(18)
    g = torch.Generator().manual_seed(18)
    net = TileNet()
    pretrain(net, g)
    x_val, y_val = tiles(800, g, turned=True)
    nn.init.zeros_(net.head.bias)
    nn.init.normal_(net.head.weight, std=0.01)
    net.low.requires_grad_(False)
    net.high.requires_grad_(False)
    optimizer = torch.optim.AdamW(
        [
            {"params": net.head.parameters(), "lr": 2e-3},
            {"params": net.high.parameters(), "lr": 5e-4},
            {"params": net.low.parameters(), "lr": 1e-4},
        ]
    )
    stage = {150: net.high, 300: net.low}
    lines = [["step", "loss", "trainable", "val_loss", "val_acc"]]
    with newllm.record(net, optimizer, args.out / "recording", kind="fine-tune") as recorder:
        for step in range(450):
            if step in stage:
                stage[step].requires_grad_(True)
                recorder.note(step, "released another block")
            x, y = tiles(48, g, turned=True)
            net.train()
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
            lines.append([step, loss.item(), trainable, "", ""])
            if step % 30 == 29:
                net.eval()
                with torch.no_grad():
                    out = net(x_val)
                hits = (out.argmax(1) == y_val).sum().item()
                lines[-1][3:] = [nn.functional.cross_entropy(out, y_val).item(), hits / len(y_val)]
                recorder.validation(lines[-1][3], correct=hits, count=len(y_val))
                print(lines[-1])
    with open(args.out / "log.csv", "w", newline="") as f:
        csv.writer(f).writerows(lines)


if __name__ == "__main__":
    main()
