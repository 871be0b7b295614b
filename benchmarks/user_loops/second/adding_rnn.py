"""Add the two marked numbers of a sequence: an LSTM with clipped gradients; for long nothing happens."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

STEPS, LENGTH = 800, 24


def batch(count, generator=None):
    number = torch.rand(count, LENGTH, generator=generator)
    mark = torch.zeros(count, LENGTH)
    half = LENGTH // 2
    rows = torch.arange(count)
    mark[rows, torch.randint(half, (count,), generator=generator)] = 1
    mark[rows, half + torch.randint(half, (count,), generator=generator)] = 1
    return torch.stack([number, mark], 2), (number * mark).sum(1, keepdim=True)


class Adder(nn.Module):
    """An LSTM and a linear layer on its last state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 48, batch_first=True)
        self.out = nn.Linear(48, 1)

    def forward(self, x):
        """Give the sum."""
        return self.out(self.lstm(x)[0][:, -1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(37)
    x_val, y_val = batch(500, torch.Generator().manual_seed(1))
    model = Adder()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    rows = [["step", "loss", "grad_norm", "val_loss"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(STEPS):
            x, y = batch(32)
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            recorder.step(loss)
            rows.append([step, loss.item(), norm.item(), ""])
            if step % 50 == 49:
                with torch.no_grad():
                    rows[-1][3] = nn.functional.mse_loss(model(x_val), y_val).item()
                recorder.validation(rows[-1][3])
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
