"""Where do the divers see the fish? Density of sightings with a RealNVP."""
import argparse
import math
import os

import numpy as np
import torch
import torch.nn as nn

import newllm


class Coupling(nn.Module):
    def __init__(self, flip, hidden=48):
        super().__init__()
        self.flip = flip
        self.s = nn.Sequential(nn.Linear(1, hidden), nn.LeakyReLU(.1), nn.Linear(hidden, hidden), nn.LeakyReLU(.1), nn.Linear(hidden, 1), nn.Tanh())
        self.t = nn.Sequential(nn.Linear(1, hidden), nn.LeakyReLU(.1), nn.Linear(hidden, hidden), nn.LeakyReLU(.1), nn.Linear(hidden, 1))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        a, b = x[:, :1], x[:, 1:]
        if self.flip:
            a, b = b, a
        s, t = self.s(a) * self.scale, self.t(a)
        b = (b - t) * torch.exp(-s)
        return torch.cat([b, a] if self.flip else [a, b], 1), -s.sum(1)


class RealNVP(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(i % 2 == 1) for i in range(layers))
        self.log_scale = nn.Parameter(torch.zeros(2))

    def log_prob(self, x):
        log_det = self.log_scale.sum().expand(len(x))
        x = x * self.log_scale.exp()
        for layer in self.layers:
            x, ld = layer(x)
            log_det = log_det + ld
        return -.5 * (x ** 2).sum(1) - math.log(2 * math.pi) + log_det

    forward = log_prob


def sightings(n, seed):
    r = np.random.default_rng(seed)
    t = r.uniform(0, np.pi, n)
    upper = r.random(n) < .5
    x = np.where(upper, np.cos(t), 1 - np.cos(t))
    y = np.where(upper, np.sin(t), .5 - np.sin(t))
    pts = np.stack([x - .5, y - .25], 1) * .4 + r.normal(0, .02, (n, 2))
    return torch.tensor(pts, dtype=torch.float32)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(4)
    train, test = sightings(20000, 1), sightings(3000, 2)
    flow = RealNVP()
    optim = torch.optim.Adam(flow.parameters(), lr=1e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(optim, gamma=0.8)
    with newllm.record(flow, optim, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as log:
        print("epoch,iteration,nll,test_nll", file=log)
        it = 0
        for epoch in range(8):
            order = torch.randperm(len(train))
            for i in range(0, len(train) - 255, 256):
                x = train[order[i:i + 256]]
                loss = -flow(x).mean()
                optim.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(flow.parameters(), 5.)
                optim.step()
                recorder.step(loss)
                it += 1
                print(f"{epoch},{it},{loss.item():.6f},", file=log)
            sched.step()
            with torch.no_grad():
                nll = -flow(test).mean().item()
            recorder.validation(nll)
            print(f"{epoch},{it},{loss.item():.6f},{nll:.6f}", file=log)
            print(f"epoch {epoch}: nll {loss.item():.3f} test {nll:.3f}")


main()
