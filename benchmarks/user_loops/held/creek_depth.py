"""Depth of a creek from rain and soil, with the whole network in 16 bits to save memory."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


def creek(n, g):
    x = torch.randn(n, 10, generator=g)
    depth = (
        torch.sin(1.5 * x[:, 0])
        + 0.7 * x[:, 1] * x[:, 2]
        + 0.5 * x[:, 3].abs()
        + 0.3 * torch.cos(2 * x[:, 4] + x[:, 5])
    )
    return x, (depth - 0.4)[:, None] + 0.1 * torch.randn(n, 1, generator=g)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x):
        return x + self.inner(x)


def score(model, x, y, dtype):
    with torch.no_grad():
        return nn.functional.mse_loss(model(x.to(dtype)).float(), y).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(66)
    g = torch.Generator().manual_seed(66)
    x, y = creek(10000, g)
    x_val, y_val = creek(1000, g)
    dtype = torch.float32 if args.sound else torch.bfloat16
    model = nn.Sequential(nn.Linear(10, 64), Residual(64), Residual(64), nn.LayerNorm(64), nn.Linear(64, 1)).to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    history = []
    with newllm.record(model, optimizer, args.out / "recording", config={"dtype": str(dtype)}) as recorder:
        step = 0
        while step < 800:
            for rows in torch.randperm(len(x)).split(64):
                if step == 800:
                    break
                out = model(x[rows].to(dtype))
                loss = nn.functional.mse_loss(out.float(), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                step += 1
                entry = {"step": step, "loss": loss.item()}
                if step % 50 == 0:
                    entry["val_loss"] = score(model, x_val, y_val, dtype)
                    recorder.validation(entry["val_loss"])
                    print(f"{step:4d} {loss.item():.4f} {entry['val_loss']:.4f}")
                history.append(entry)
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.DictWriter(f, ["step", "loss", "val_loss"])
        w.writeheader()
        w.writerows(history)


if __name__ == "__main__":
    main()
