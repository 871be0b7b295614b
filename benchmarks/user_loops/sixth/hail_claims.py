# Cost of insurance claims (log of the sum), day by day as they were reported. Accumulates two half batches per update.
import argparse
import os

import numpy as np
import torch
import torch.nn as nn

import newllm

ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
args = ap.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(9)
rng = np.random.default_rng(9)

DAYS, PER_DAY = 620, 64


def claims(n, hail=0.0):
    car = rng.normal(0, 1, (n, 3))             # age, value, mileage
    kind = rng.integers(0, 6, n)
    region = rng.integers(0, 10, n)
    storm = (rng.random(n) < (hail if hail else 0.004)).astype(float)
    cost = 0.6 * car[:, 1] - 0.3 * car[:, 0] + 0.5 * np.sin(kind * 1.7) + 0.35 * car[:, 1] * (kind % 2) + 0.2 * np.cos(region)
    cost = cost + storm * (4.5 + 0.6 * car[:, 1]) + rng.normal(0, 0.35, n)
    f = np.concatenate([car, np.eye(6)[kind], np.eye(10)[region], rng.normal(0, 1, (n, 1))], 1)
    return torch.tensor(f, dtype=torch.float32), torch.tensor(cost, dtype=torch.float32)


days = [claims(PER_DAY, hail=0.8 if d in (388,) else 0.0) for d in range(DAYS)]
x_val, y_val = claims(2000)

net = nn.Sequential(nn.Linear(20, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
optim = torch.optim.Adam(net.parameters(), lr=1.5e-3)
loss_fn = nn.MSELoss()

with open(os.path.join(args.out, "log.csv"), "w") as log, newllm.record(net, optim, out=os.path.join(args.out, "recording")) as recorder:
    log.write("day,mse,val_mse\n")
    for d, (x, y) in enumerate(days, start=1):
        total = 0.0
        optim.zero_grad()
        for half in (slice(0, 32), slice(32, 64)):
            loss = loss_fn(net(x[half]).squeeze(1), y[half]) / 2
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optim.step()
        recorder.step(total)
        if d % 31 == 0:
            with torch.no_grad():
                v = loss_fn(net(x_val).squeeze(1), y_val).item()
            recorder.validation(v)
            log.write(f"{d},{total:.5f},{v:.5f}\n")
            print(d, total, v)
        else:
            log.write(f"{d},{total:.5f},\n")
