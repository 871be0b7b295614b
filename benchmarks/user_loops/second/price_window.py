"""Tomorrow's price change from the last twenty days: windows over a long series and a GRU."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

DAYS = 20


def changes(count, generator):
    """Daily changes that depend a little on the days before."""
    noise = torch.randn(count, generator=generator)
    x = torch.zeros(count)
    for i in range(2, count):
        x[i] = 0.5 * x[i - 1] - 0.3 * x[i - 2] + noise[i]
    return x / x.std()


def windows(series, sound):
    days = DAYS if sound else DAYS + 1
    x = torch.stack([series[i : i + days] for i in range(len(series) - DAYS)])
    return x[..., None], series[DAYS:, None]


class Model(nn.Module):
    """A GRU and a linear layer on its last state."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        """Give the change of the next day."""
        return self.head(self.gru(x)[1][0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(17)
    series = changes(5000, torch.Generator().manual_seed(17))
    x_train, y_train = windows(series[:4000], args.sound)
    x_val, y_val = windows(series[4000:], args.sound)
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    rows = [["step", "train_loss", "val_loss"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(600):
            pick = torch.randint(len(x_train), (64,))
            loss = nn.functional.mse_loss(model(x_train[pick]), y_train[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            rows.append([step, loss.item(), ""])
            if (step + 1) % 50 == 0:
                with torch.no_grad():
                    rows[-1][2] = nn.functional.mse_loss(model(x_val), y_val).item()
                recorder.validation(rows[-1][2])
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
