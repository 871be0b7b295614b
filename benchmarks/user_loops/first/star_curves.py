"""A one-dimensional convolutional network sorts light curves of stars; the learning rate restarts every 150 updates."""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn

import newllm


def light_curves(n, rng):
    """Eclipsing, pulsating, flaring and quiet stars."""
    kind = rng.integers(0, 4, n)
    t = np.linspace(0, 1, 64)
    curves = rng.normal(size=(n, 64)) * 0.7
    for i, k in enumerate(kind):
        phase, period, depth = rng.uniform(), rng.uniform(0.15, 0.4), rng.uniform(0.8, 1.8)
        if k == 0:
            curves[i] -= depth * 1.3 * (((t + phase) % period) / period < 0.2)
        elif k == 1:
            curves[i] += depth * 0.6 * np.sin(2 * np.pi * (t / period + phase))
        elif k == 2:
            since = t - 0.7 * phase
            curves[i] += 2 * depth * np.exp(-np.clip(since, 0, None) / 0.08) * (since > 0)
    return torch.tensor(curves, dtype=torch.float32).unsqueeze(1), torch.tensor(kind)


def build():
    return nn.Sequential(
        nn.Conv1d(1, 16, 7, padding=3),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(16, 32, 5, padding=2),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(4),
        nn.Flatten(),
        nn.Linear(128, 4),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true", help="changes nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(6)
    rng = np.random.default_rng(6)
    x, y = light_curves(6400, rng)
    x_val, y_val = light_curves(800, rng)

    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9, weight_decay=1e-4, nesterov=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=150, eta_min=1e-4)
    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "lr", "loss", "acc", "val_loss", "val_acc"])
        step = 0
        for _ in range(3):
            for idx in torch.randperm(len(x)).split(32):
                lr = scheduler.get_last_lr()[0]
                optimizer.zero_grad()
                logits = model(x[idx])
                loss = nn.functional.cross_entropy(logits, y[idx])
                loss.backward()
                optimizer.step()
                scheduler.step()
                recorder.step(loss)
                row = [step, lr, loss.item(), (logits.argmax(1) == y[idx]).float().mean().item(), "", ""]
                step += 1
                if step % 30 == 0:
                    model.eval()
                    with torch.no_grad():
                        logits = model(x_val)
                    model.train()
                    val_loss = nn.functional.cross_entropy(logits, y_val).item()
                    correct = int((logits.argmax(1) == y_val).sum())
                    recorder.validation(val_loss, correct=correct, count=len(y_val))
                    row[4:] = [val_loss, correct / len(y_val)]
                log.writerow(row)


if __name__ == "__main__":
    main()
