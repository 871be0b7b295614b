"""A small network learns the level of a river from single readings, two at a time; some of the gauges are bad."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true", help="changes nothing")
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(17)


def readings(n, noise):
    x = torch.randn(n, 6)
    level = torch.sin(x[:, :1]) + 0.7 * x[:, 1:2] - 0.5 * x[:, 2:3] * torch.sigmoid(2 * x[:, 3:4])
    return x, level + noise * torch.distributions.StudentT(3.0).sample((n, 1))


net = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=800)
x_val, y_val = readings(1000, noise=0.0)
huber = nn.SmoothL1Loss()

args.out.mkdir(parents=True, exist_ok=True)
with (args.out / "log.csv").open("w", newline="") as file:
    log = csv.writer(file)
    log.writerow(["step", "loss", "lr", "clean_val_loss"])
    with newllm.record(net, optimizer, out=args.out / "recording") as recorder:
        for step in range(800):
            x, y = readings(2, noise=0.5)
            loss = huber(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = [step, loss.item(), scheduler.get_last_lr()[0], ""]
            scheduler.step()
            if (step + 1) % 80 == 0:
                net.eval()
                with torch.no_grad():
                    row[3] = huber(net(x_val), y_val).item()
                net.train()
                recorder.validation(row[3])
            log.writerow(row)
