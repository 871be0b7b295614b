"""Cleans short sounds without ever seeing a clean one: both input and target are noisy takes of the same sound."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm

SAMPLES = 64
HISS = 0.6


def sounds(n, g):
    """Sums of two decaying tones."""
    t = torch.linspace(0, 1, SAMPLES)
    f = 2 + 8 * torch.rand(n, 2, 1, generator=g)
    phase = 2 * math.pi * torch.rand(n, 2, 1, generator=g)
    return (torch.sin(2 * math.pi * f * t + phase) * torch.exp(-2 * t)).sum(1)


def take(clean):
    return clean + HISS * torch.randn_like(clean)


class Cleaner(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(SAMPLES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, SAMPLES)
        )

    def forward(self, x):
        return self.inner(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(2)
    g = torch.Generator().manual_seed(2)
    clean_test = sounds(500, g)
    noisy_test, other_test = take(clean_test), take(clean_test)
    model = Cleaner()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=800)
    lines = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(800):
            clean = sounds(64, g)
            loss = nn.functional.mse_loss(model(take(clean)), take(clean))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            line = {"step": step, "loss": loss.item(), "lr": schedule.get_last_lr()[0]}
            if step % 50 == 49:
                with torch.no_grad():
                    out = model(noisy_test)
                line["test_loss"] = nn.functional.mse_loss(out, other_test).item()
                line["snr_db"] = 10 * math.log10(clean_test.square().mean() / (out - clean_test).square().mean())
                recorder.validation(line["test_loss"])
                print(step, line["loss"], line["test_loss"], line["snr_db"])
            lines.append(line)
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.DictWriter(f, ["step", "loss", "lr", "test_loss", "snr_db"])
        w.writeheader()
        w.writerows(lines)


if __name__ == "__main__":
    main()
