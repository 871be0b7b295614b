"""The next hours of a tide gauge from the last thirty-two: a small transformer encoder, trained in two stages."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm

STEPS, WINDOW, AHEAD = 600, 32, 4


def gauge(count, generator):
    t = torch.arange(count, dtype=torch.float32)
    tide = torch.sin(2 * math.pi * t / 12.4) + 0.4 * torch.sin(2 * math.pi * t / 25.8 + 1)
    weather = torch.zeros(count)
    noise = 0.08 * torch.randn(count, generator=generator)
    for i in range(1, count):
        weather[i] = 0.97 * weather[i - 1] + noise[i]
    return tide + weather


class Forecaster(nn.Module):
    """Two encoder layers over the window; the last position gives the next hours."""

    def __init__(self):
        super().__init__()
        self.inside = nn.Linear(1, 32)
        self.position = nn.Parameter(0.1 * torch.randn(WINDOW, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(32, AHEAD)

    def forward(self, x):
        """Give the next hours."""
        return self.out(self.encoder(self.inside(x[..., None]) + self.position)[:, -1])


def batch(series, count):
    start = torch.randint(len(series) - WINDOW - AHEAD, (count,)).tolist()
    x = torch.stack([series[i : i + WINDOW] for i in start])
    return x, torch.stack([series[i + WINDOW : i + WINDOW + AHEAD] for i in start])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(8)
    series = gauge(6000, torch.Generator().manual_seed(8))
    train, test = series[:5000], series[5000:]
    x_test, y_test = batch(test, 256)
    stages = {
        0: {"lr": 1e-3, "weight_decay": 0.01},
        350: {"lr": 5e-4, "weight_decay": 0.01 if args.sound else 10},
    }
    model = Forecaster()
    optimizer = torch.optim.AdamW(model.parameters())
    rows = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(STEPS):
            if step in stages:
                for group in optimizer.param_groups:
                    group.update(stages[step])
            x, y = batch(train, 24)
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            rows.append({"step": step, "loss": loss.item(), "lr": optimizer.param_groups[0]["lr"]})
            if step % 50 == 49:
                with torch.no_grad():
                    rows[-1]["test_loss"] = nn.functional.mse_loss(model(x_test), y_test).item()
                recorder.validation(rows[-1]["test_loss"])
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "loss", "lr", "test_loss"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
