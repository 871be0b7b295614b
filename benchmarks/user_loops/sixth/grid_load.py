"""Load of a town's grid, six hours ahead. Dilated convolutions over the last 48 hours."""
import argparse
import csv
import os

import numpy as np
import torch
import torch.nn as nn

import newllm


def series(hours, seed=12):
    r = np.random.default_rng(seed)
    h = np.arange(hours)
    temp = 10 + 9 * np.sin(2 * np.pi * h / 8760) + 4 * np.sin(2 * np.pi * (h - 9) / 24)
    drift = np.zeros(hours)
    for i in range(1, hours):
        drift[i] = 0.97 * drift[i - 1] + r.normal(0, 0.6)
    temp = temp + drift
    week = (h // 24) % 7 >= 5
    day = h % 24
    load = 50 + 12 * np.exp(-(day - 8) ** 2 / 6) * ~week + 17 * np.exp(-(day - 19) ** 2 / 8) + 0.06 * (temp - 16) ** 2
    load = load * (1 - 0.12 * week) + 3 * np.sin(temp / 3) + r.normal(0, 0.5, hours)
    f = np.stack([load, temp, np.sin(2 * np.pi * day / 24), np.cos(2 * np.pi * day / 24), week * 1.0])
    return f


class Forecaster(nn.Module):
    def __init__(self, c=32):
        super().__init__()
        self.first = nn.Conv1d(5, c, 1)
        self.layers = nn.ModuleList([nn.Conv1d(c, c, 3, dilation=d) for d in (1, 2, 4, 8)])
        self.head = nn.Linear(c, 6)

    def forward(self, x):
        h = self.first(x)
        for l in self.layers:
            h = h[..., l.dilation[0] * 2:] + torch.relu(l(h))
        return self.head(h[..., -1])


class Trainer:
    def __init__(self, args):
        f = series(24 * 365 * 2)
        mean, std = f[:, :14000].mean(1, keepdims=True), f[:, :14000].std(1, keepdims=True)
        self.f = torch.tensor((f - mean) / std, dtype=torch.float32)
        self.model = Forecaster()
        self.lr = 8e-3
        self.opt = torch.optim.SGD(self.model.parameters(), lr=self.lr, momentum=0.9)
        self.args = args

    def windows(self, starts):
        x = torch.stack([self.f[:, s:s + 48] for s in starts])
        y = torch.stack([self.f[0, s + 48:s + 54] for s in starts])
        return x, y

    def adjust(self, epoch):
        """A quarter of the rate once the first two epochs are over."""
        due = epoch == 2 if self.args.sound else epoch >= 2
        if due:
            self.lr *= 0.25
            for g in self.opt.param_groups:
                g["lr"] = self.lr

    def fit(self, rec, writer):
        xv, yv = self.windows(range(14100, 17400, 5))
        n = 0
        for epoch in range(13):
            self.adjust(epoch)
            for starts in torch.randperm(13900)[:3200].split(64):
                x, y = self.windows(starts.tolist())
                self.opt.zero_grad()
                loss = ((self.model(x) - y) ** 2).mean()
                loss.backward()
                self.opt.step()
                rec.step(loss)
                n += 1
                writer.writerow([n, epoch, loss.item()])
            with torch.no_grad():
                v = ((self.model(xv) - yv) ** 2).mean().item()
            rec.validation(v)
            writer.writerow([n, epoch, "", v])
            print(epoch, loss.item(), v)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(2)
    t = Trainer(args)
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["batch", "epoch", "mse", "mse_next_year"])
        with newllm.record(t.model, t.opt, out=os.path.join(args.out, "recording")) as rec:
            t.fit(rec, w)
