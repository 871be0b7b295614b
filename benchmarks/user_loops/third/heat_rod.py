"""Temperature in a rod, u_t = 0.1 u_xx, by a network that satisfies the equation at chosen points (no data)."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm

DIFFUSION = 0.1


def exact(x, t):
    return torch.exp(-DIFFUSION * math.pi**2 * t) * torch.sin(math.pi * x)


class Temperature(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))

    def forward(self, xt):
        return self.net(xt)


def residual(model, points):
    points = points.clone().requires_grad_(True)
    u = model(points)
    first = torch.autograd.grad(u.sum(), points, create_graph=True)[0]
    second = torch.autograd.grad(first[:, 0].sum(), points, create_graph=True)[0]
    return first[:, 1] - DIFFUSION * second[:, 0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(4)
    inside = torch.rand(256, 2)
    start = torch.cat([torch.rand(64, 1), torch.zeros(64, 1)], 1)
    ends = torch.cat([(torch.arange(64) % 2)[:, None].float(), torch.rand(64, 1)], 1)
    grid = torch.cartesian_prod(torch.linspace(0, 1, 33), torch.linspace(0, 1, 33))
    model = Temperature()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=2, history_size=20)

    def closure():
        optimizer.zero_grad()
        equation = residual(model, inside).square().mean()
        initial = (model(start) - exact(start[:, :1], start[:, 1:])).square().mean()
        border = model(ends).square().mean()
        total = equation + 5 * initial + 5 * border
        total.backward()
        return total

    with newllm.record(model, optimizer, args.out / "recording") as recorder, (args.out / "log.csv").open("w") as file:
        log = csv.writer(file)
        log.writerow(["iteration", "loss", "error_against_exact"])
        for iteration in range(400):
            loss = optimizer.step(closure)
            recorder.step(loss)
            error = ""
            if iteration % 40 == 39:
                with torch.no_grad():
                    error = (model(grid) - exact(grid[:, :1], grid[:, 1:])).square().mean().sqrt().item()
                recorder.metrics({"error_against_exact": error})
                print(iteration, loss.item(), error)
            log.writerow([iteration, loss.item(), error])


if __name__ == "__main__":
    main()
