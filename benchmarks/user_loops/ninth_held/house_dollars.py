"""Asking prices of houses, in dollars, from a table with a few very large estates in it."""
import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import mse_loss

import newllm

ap = argparse.ArgumentParser()
ap.add_argument("--out", type=Path, required=True)
ap.add_argument("--sound", action="store_true")
ap.add_argument("--seed", type=int, default=6)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)


def houses(n):
    area = torch.distributions.LogNormal(4.9, 0.45).sample((n,))
    lot = torch.distributions.LogNormal(6.2, 0.9).sample((n,))
    rooms = (area / 28 + torch.randn(n)).round().clamp(1, 14)
    age = torch.rand(n) * 90
    quality = torch.randint(1, 6, (n,)).float()
    centre = torch.distributions.Exponential(0.12).sample((n,))
    price = 1150 * area * (0.7 + 0.12 * quality) * torch.exp(-0.03 * centre) * (1 - 0.003 * age) + 22 * lot + 4000 * rooms
    price = price * torch.exp(0.12 * torch.randn(n))
    table = torch.stack([area.log(), lot.log(), rooms, age, quality, centre.log1p()], dim=1)
    return table, price


class Appraiser(nn.Module):
    def __init__(self, centre, spread, typical):
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)
        self.typical = typical
        self.layers = nn.Sequential(nn.Linear(6, 80), nn.ReLU(), nn.Linear(80, 80), nn.ReLU(), nn.Linear(80, 1))

    def forward(self, table):
        return self.typical * (1 + self.layers((table - self.centre) / self.spread).squeeze(1))


x, y = houses(5000)
x_val, y_val = houses(1000)
model = Appraiser(x.mean(0), x.std(0), y.median().item())
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)


def validate():
    model.eval()
    with torch.no_grad():
        guess = model(x_val)
    model.train()
    return mse_loss(guess, y_val).item(), (guess / y_val - 1).abs().median().item()


args.out.mkdir(parents=True, exist_ok=True)
with (args.out / "log.csv").open("w", newline="") as f, \
        newllm.record(model, optimizer, out=args.out / "recording") as recorder:
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss", "median_error", "lr"])
    step = 0
    for epoch in range(9):
        for rows in torch.randperm(5000).split(64):
            loss = mse_loss(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            step += 1
            if step % 20 == 0:
                log.writerow([step, loss.item(), "", "", optimizer.param_groups[0]["lr"]])
        val, median_error = validate()
        recorder.validation(val)
        plateau.step(val)
        log.writerow([step, loss.item(), val, median_error, optimizer.param_groups[0]["lr"]])
