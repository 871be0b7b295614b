"""Pictures of bars with labels from a crowd, a third of them wrong, and only four pictures in a batch."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


def bars(count, generator):
    """A bar at one of eight heights in 12 x 12 pixels."""
    label = torch.randint(8, (count,), generator=generator)
    x = torch.zeros(count, 1, 12, 12)
    x[torch.arange(count), 0, label + 2] = 1.5
    return x + 0.9 * torch.randn(x.shape, generator=generator), label


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(41)
    generator = torch.Generator().manual_seed(41)
    x_train, y_train = bars(3200, generator)
    wrong = torch.rand(len(y_train), generator=generator) < 0.35
    y_train = torch.where(wrong, torch.randint(8, y_train.shape, generator=generator), y_train)
    x_val, y_val = bars(600, generator)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d((1, 4)), nn.Flatten(), nn.Linear(8 * 36, 8)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    rows = [["step", "loss", "val_loss", "val_acc"]]
    order = torch.randperm(len(x_train))
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(800):
            pick = order[4 * step : 4 * step + 4]
            loss = nn.functional.cross_entropy(model(x_train[pick]), y_train[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            rows.append([step, loss.item(), "", ""])
            if step % 80 == 79:
                with torch.no_grad():
                    out = model(x_val)
                correct = (out.argmax(1) == y_val).sum().item()
                rows[-1][2:] = [nn.functional.cross_entropy(out, y_val).item(), correct / len(y_val)]
                recorder.validation(rows[-1][2], correct=correct, count=len(y_val))
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
