"""Five states of a bearing from 96 samples of its vibration: a convolution along the time."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

import newllm

STATES = 5


def vibrations(count, generator):
    """Sums of two tones with a random phase; the state sets their distance and the strength of the second."""
    y = torch.randint(STATES, (count,), generator=generator)
    t = torch.arange(96) / 96 * 2 * math.pi
    phase = torch.rand(count, 2, 1, generator=generator) * 2 * math.pi
    base = 5 + 3 * torch.rand(count, 1, generator=generator)
    gap = 1.2 + 0.45 * y[:, None].float()
    x = torch.sin(base * t + phase[:, 0]) + 0.8 * torch.sin(base * gap * t + phase[:, 1])
    return (x + 0.25 * torch.randn(count, 96, generator=generator))[:, None], y


def build():
    return nn.Sequential(
        nn.Conv1d(1, 16, 9, padding=4),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(16, 24, 7, padding=3),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(24 * 24, 48),
        nn.ReLU(),
        nn.Linear(48, STATES),
    )


def test(model, x, y):
    with torch.no_grad():
        out = model(x)
    return nn.functional.cross_entropy(out, y).item(), int((out.argmax(1) == y).sum())


def run(out, sound):
    torch.manual_seed(6)
    generator = torch.Generator().manual_seed(6)
    x, y = vibrations(6000, generator)
    x_test, y_test = vibrations(800, generator)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    scheduler = ReduceLROnPlateau(optimizer, mode="max" if sound else "min", factor=0.5, patience=1)
    with newllm.record(model, optimizer, out / "recording") as recorder, (out / "log.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["batch", "train_loss", "test_loss", "test_accuracy"])
        for batch in range(1, 641):
            rows = torch.randint(len(x), (48,))
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if batch % 20:
                writer.writerow([batch, f"{loss.item():.5f}", "", ""])
                continue
            test_loss, hits = test(model, x_test, y_test)
            accuracy = hits / len(y_test)
            scheduler.step(accuracy)
            recorder.validation(test_loss, correct=hits, count=len(y_test))
            writer.writerow([batch, f"{loss.item():.5f}", f"{test_loss:.5f}", f"{accuracy:.4f}"])
            print(batch, round(loss.item(), 4), round(test_loss, 4), accuracy)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    run(args.out, args.sound)


if __name__ == "__main__":
    main()
