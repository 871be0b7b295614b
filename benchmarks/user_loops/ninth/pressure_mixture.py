"""Density of a valve's pressure given four readings, as a mixture of Gaussians whose parameters a network gives."""

import argparse
import csv
import math
from pathlib import Path

import torch
import torch.nn as nn

import newllm


class MixtureHead(nn.Module):
    def __init__(self, inputs, hidden=64, parts=4):
        super().__init__()
        self.parts = parts
        self.trunk = nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.out = nn.Linear(hidden, 3 * parts)

    def forward(self, x):
        share, mean, log_std = self.out(self.trunk(x)).split(self.parts, dim=1)
        return share.log_softmax(1), mean, log_std.clamp(-6, 3)


def negative_log_density(parameters, y):
    log_share, mean, log_std = parameters
    z = (y[:, None] - mean) / log_std.exp()
    return -(log_share - 0.5 * z.square() - log_std - 0.5 * math.log(2 * math.pi)).logsumexp(1).mean()


def readings(n):
    x = torch.rand(n, 4) * 2 - 1
    stuck = torch.rand(n) < torch.sigmoid(3 * x[:, 3])
    flowing = 0.6 * torch.sin(2.5 * x[:, 0]) + 0.3 * x[:, 1]
    shut = -0.4 + 0.1 * x[:, 2]
    spread = 0.02 * torch.exp(0.8 * x[:, 1])
    return x, torch.where(stuck, shut, flowing) + spread * torch.randn(n)


parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--seed", type=int, default=12)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)

train_x, train_y = readings(12000)
val_x, val_y = readings(1500)
model = MixtureHead(4)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
steps_per_epoch = len(train_x) // 200
epochs = 12
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=epochs * steps_per_epoch)

args.out.mkdir(parents=True, exist_ok=True)
log_file = open(args.out / "log.csv", "w", newline="")
log = csv.writer(log_file)
log.writerow(["epoch", "nll", "val_nll", "lr"])
with newllm.record(model, optimizer, out=args.out / "recording") as recorder:
    for epoch in range(1, epochs + 1):
        total = 0.0
        for rows in torch.randperm(len(train_x)).split(200):
            nll = negative_log_density(model(train_x[rows]), train_y[rows])
            optimizer.zero_grad()
            nll.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            recorder.step(nll)
            scheduler.step()
            total += nll.item()
        model.eval()
        with torch.no_grad():
            val = negative_log_density(model(val_x), val_y).item()
        model.train()
        recorder.validation(val)
        log.writerow([epoch, total / steps_per_epoch, val, scheduler.get_last_lr()[0]])
        print(f"epoch {epoch:2d}  nll {total / steps_per_epoch:7.3f}  val {val:7.3f}")
log_file.close()
