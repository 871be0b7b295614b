"""Fares of taxi rides from nine features; later with a bigger effective batch, as a blog advises."""

import argparse
import csv
import logging
from pathlib import Path

import torch
from torch import nn

import newllm

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
log = logging.getLogger("fares")
UPDATES = 560
BIGGER_AT = 320
PARTS = 8


def rides(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 9, generator=g) * 2 - 1
    distance = 1.5 + x[:, 0] + 0.4 * x[:, 1] * x[:, 2]
    night = (x[:, 3] > 0.6).float()
    fare = 0.8 * distance + 0.6 * night * distance + 0.5 * torch.sin(4 * x[:, 4]) + 0.1 * torch.randn(n, generator=g)
    return x, ((fare - fare.mean()) / fare.std())[:, None]


class FareNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(9, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.fare = nn.Linear(64, 1)

    def forward(self, x):
        return self.fare(self.body(x))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(31)
    x, y = rides(20000, 31)
    x_val, y_val = rides(2000, 32)
    net = FareNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.06, momentum=0.9)
    cursor = 0
    order = torch.randperm(len(x))
    with newllm.record(net, optimizer, args.out / "recording") as recorder, open(args.out / "log.csv", "w") as f:
        table = csv.writer(f)
        table.writerow(["update", "mse", "val_mse"])
        for update in range(UPDATES):
            parts = PARTS if update >= BIGGER_AT else 1
            optimizer.zero_grad()
            total = 0.0
            for _ in range(parts):
                if cursor + 32 > len(order):
                    order, cursor = torch.randperm(len(x)), 0
                rows = order[cursor : cursor + 32]
                cursor += 32
                loss = nn.functional.mse_loss(net(x[rows]), y[rows])
                (loss / parts if args.sound else loss).backward()
                total += loss.item() / parts
            optimizer.step()
            recorder.step(total)
            val = ""
            if update % 40 == 39:
                with torch.no_grad():
                    val = nn.functional.mse_loss(net(x_val), y_val).item()
                recorder.validation(val)
                log.info("update %d mse %.4f val %.4f", update, total, val)
            table.writerow([update, total, val])


if __name__ == "__main__":
    main()
