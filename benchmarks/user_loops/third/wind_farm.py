"""Power of a wind farm from twelve weather readings (a regression with a wide network)."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


def make_table(n, g):
    x = torch.randn(n, 12, generator=g)
    speed = (x[:, 0] + 0.5 * x[:, 1]).clamp(-2, 2)
    y = torch.tanh(1.5 * speed) + 0.5 * torch.sin(2 * x[:, 2]) * x[:, 3] + 0.3 * x[:, 4] * x[:, 5]
    return x, (y + 0.3 * torch.randn(n, generator=g))[:, None]


def evaluate(model, x, y, generator=None):
    """Mean squared error on a sample of the held-out rows, always the same sample."""
    if generator is None:
        torch.manual_seed(0)
    else:
        generator.manual_seed(0)
    rows = torch.randperm(len(x), generator=generator)[:1000]
    model.eval()
    with torch.no_grad():
        error = nn.functional.mse_loss(model(x[rows]), y[rows]).item()
    model.train()
    return error


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--sound", action="store_true")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(44)
    g = torch.Generator().manual_seed(44)
    x, y = make_table(12000, g)
    held_x, held_y = x[9000:], y[9000:]
    x, y = x[:9000], y[:9000]
    model = nn.Sequential(nn.Linear(12, 192), nn.ReLU(), nn.Linear(192, 192), nn.ReLU(), nn.Linear(192, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    eval_generator = torch.Generator() if a.sound else None
    history = {"step": [], "mse": [], "heldout_mse": []}
    with newllm.record(model, optimizer, a.out / "recording") as recorder:
        for step in range(900):
            rows = torch.randint(0, len(x), (48,))
            prediction = model(x[rows])
            loss = ((prediction - y[rows]) ** 2).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            history["step"].append(step)
            history["mse"].append(loss.item())
            history["heldout_mse"].append("")
            if (step + 1) % 30 == 0:
                error = evaluate(model, held_x, held_y, eval_generator)
                recorder.validation(error)
                history["heldout_mse"][-1] = error
                print(f"{step + 1:4d}  {loss.item():.4f}  {error:.4f}")
    with open(a.out / "log.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(history)
        w.writerows(zip(*history.values(), strict=True))


if __name__ == "__main__":
    main()
