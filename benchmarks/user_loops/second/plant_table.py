"""Output of a plant from eight sensors, read month by month: an MLP for regression."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

MONTHS, PER_MONTH, BATCH = 10, 60, 64


def read_month(month, generator, missing_as):
    """Return the rows of one month; a sensor that gave nothing is stored as `missing_as`."""
    x = torch.randn(PER_MONTH * BATCH, 8, generator=generator) * torch.tensor([3.0, 1, 5, 2, 1, 4, 2, 1]) + 10
    z = (x - 10) / torch.tensor([3.0, 1, 5, 2, 1, 4, 2, 1])
    y = z[:, 0] * z[:, 1] + torch.sin(2 * z[:, 2]) + 0.7 * z[:, 3] - 0.5 * z[:, 4] ** 2 + 0.3 * z[:, 5]
    y = y + 0.02 * month + 0.2 * torch.randn(len(y), generator=generator)
    missing = torch.rand(len(x), generator=generator) < 0.05
    x[missing, 3] = missing_as
    return x, y[:, None]


def clean(x, mean, std):
    x = (x - mean) / std
    return torch.nan_to_num(x, nan=0.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(21)
    nan = float("nan")
    x_val, y_val = read_month(3, generator, nan)
    x_val, y_val = x_val[:1000], y_val[:1000]
    mean, std = x_val.nanmean(0), (x_val - x_val.nanmean(0)).square().nanmean(0).sqrt()
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    step = 0
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "month", "train_mse", "val_mse"])
        for month in range(MONTHS):
            new_logger = month >= 6 and not args.sound
            x, y = read_month(month, generator, -999.0 if new_logger else nan)
            x = clean(x, mean, std)
            for i in range(0, len(x), BATCH):
                loss = nn.functional.mse_loss(model(x[i : i + BATCH]), y[i : i + BATCH])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                val = ""
                if (step + 1) % 30 == 0:
                    with torch.no_grad():
                        val = nn.functional.mse_loss(model(clean(x_val, mean, std)), y_val).item()
                    recorder.validation(val)
                    print(step, loss.item(), val)
                log.writerow([step, month, loss.item(), val])
                step += 1


if __name__ == "__main__":
    main()
