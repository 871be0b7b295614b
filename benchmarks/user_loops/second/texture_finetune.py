"""New textures with old filters: the backbone stays frozen, a new head with much dropout is trained."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


def textures(count, kinds, shift, generator):
    """Waves of different direction and length in noise."""
    label = torch.randint(kinds, (count,), generator=generator)
    angle = (label + shift) * math.pi / kinds
    axis = torch.arange(16.0)
    start = 2 * math.pi * torch.rand(count, 1, 1, generator=generator)
    wave = angle.cos()[:, None, None] * axis + angle.sin()[:, None, None] * axis[:, None]
    x = torch.sin(1.3 * wave + start) + 1.7 * torch.randn(count, 16, 16, generator=generator)
    return x[:, None], label


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(31)
    generator = torch.Generator().manual_seed(31)
    backbone = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 24, 3), nn.ReLU(), nn.AvgPool2d(6)
    )
    old = nn.Sequential(backbone, nn.Flatten(), nn.Linear(24, 6))
    x_old, y_old = textures(2000, 6, 0.0, generator)
    before = torch.optim.Adam(old.parameters(), lr=4e-3)
    for _ in range(150):
        pick = torch.randint(len(x_old), (32,))
        before.zero_grad()
        nn.functional.cross_entropy(old(x_old[pick]), y_old[pick]).backward()
        before.step()

    for parameter in backbone.parameters():
        parameter.requires_grad = False
    model = nn.Sequential(backbone, nn.Flatten(), nn.Linear(24, 96), nn.ReLU(), nn.Dropout(0.6), nn.Linear(96, 10))
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    loader = DataLoader(TensorDataset(*textures(3200, 10, 0.5, generator)), batch_size=32, shuffle=True)
    x_val, y_val = textures(600, 10, 0.5, generator)
    rows = [["step", "epoch", "loss", "val_loss", "val_acc"]]
    with newllm.record(model, optimizer, args.out / "recording", kind="fine-tune") as recorder:
        for epoch in range(6):
            model.train()
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                rows.append([len(rows) - 1, epoch, loss.item(), "", ""])
            model.eval()
            with torch.no_grad():
                out = model(x_val)
            correct = (out.argmax(1) == y_val).sum().item()
            rows[-1][3:] = [nn.functional.cross_entropy(out, y_val).item(), correct / len(y_val)]
            recorder.validation(rows[-1][3], correct=correct, count=len(y_val))
            print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
