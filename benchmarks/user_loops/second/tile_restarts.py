"""Kinds of tiles with a CNN; the learning rate falls along a cosine and starts anew, and batches grow, both by plan."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

import newllm


def tiles(count, patterns, generator):
    label = torch.randint(len(patterns), (count,), generator=generator)
    x = patterns[label]
    turns = torch.randint(4, (count,), generator=generator)
    x = torch.stack([torch.rot90(tile, int(turn)) for tile, turn in zip(x, turns, strict=True)])
    return (x + 2.2 * torch.randn(x.shape, generator=generator))[:, None], label


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(43)
    generator = torch.Generator().manual_seed(43)
    patterns = torch.randn(8, 12, 12, generator=generator)
    x_train, y_train = tiles(12000, patterns, generator)
    x_val, y_val = tiles(600, patterns, generator)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 36, 8),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=200)
    rows = [["step", "lr", "batch_size", "loss", "val_loss", "val_acc"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(600):
            size = 16 if step < 300 else 48
            pick = torch.randint(len(x_train), (size,))
            loss = nn.functional.cross_entropy(model(x_train[pick]), y_train[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            rows.append([step, optimizer.param_groups[0]["lr"], size, loss.item(), "", ""])
            scheduler.step()
            if step % 50 == 49:
                model.eval()
                with torch.no_grad():
                    out = model(x_val)
                model.train()
                correct = (out.argmax(1) == y_val).sum().item()
                rows[-1][4:] = [nn.functional.cross_entropy(out, y_val).item(), correct / len(y_val)]
                recorder.validation(rows[-1][4], correct=correct, count=len(y_val))
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
