"""Surrogate for the energy of eight coupled rotors, E = -sum J_ij cos(phi_i - phi_j) - h sum cos(2 phi_i)."""
import argparse
import json
import math
import os

import torch
from torch import nn

import newllm


def mlp(sizes, last=True):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(nn.Linear(a, b))
        if last or i < len(sizes) - 2:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class Rotors:
    def __init__(self, n=8, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.J = torch.randn(n, n, generator=g).triu(1) * 0.5
        for i in range(n):
            self.J[i, (i + 1) % n] += 1.0
        self.n, self.g = n, g

    def energy(self, phi):
        d = phi[:, :, None] - phi[:, None, :]
        return -(self.J * d.cos()).sum((1, 2)) - 0.3 * (2 * phi).cos().sum(1)

    def sample(self, m):
        phi = torch.rand(m, self.n, generator=self.g) * 2 * math.pi
        return torch.cat([phi.cos(), phi.sin()], 1), self.energy(phi)


class Surrogate(nn.Module):
    def __init__(self, width, last):
        super().__init__()
        self.body = mlp([16, width, width, 1], last)

    def forward(self, x):
        return self.body(x).squeeze(1)


def run(args):
    torch.manual_seed(4)
    system = Rotors()
    x, e = system.sample(20000)
    xv, ev = system.sample(2000)
    mean, std = e.mean(), e.std()
    e, ev = (e - mean) / std, (ev - mean) / std
    model = Surrogate(128, last=not args.sound)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=700)
    history = []
    with newllm.record(model, optimizer, out=f"{args.out}/recording") as recorder:
        for step in range(700):
            i = torch.randint(0, len(x), (256,))
            loss = nn.functional.mse_loss(model(x[i]), e[i])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            history.append([step, loss.item(), schedule.get_last_lr()[0], None])
            if step % 50 == 49:
                with torch.no_grad():
                    v = nn.functional.mse_loss(model(xv), ev).item()
                recorder.validation(v)
                history[-1][3] = v
                print(json.dumps(history[-1]))
    with open(f"{args.out}/log.csv", "w") as f:
        f.write("step,loss,lr,heldout\n")
        for h in history:
            f.write(",".join("" if c is None else str(c) for c in h) + "\n")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    torch.set_num_threads(1)
    run(a)
