"""Keeps one picture in the weights of a network of sines: from a pixel's place to its three colours."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm

SIDE = 40


def picture():
    """A drawn picture: a sky with a gradient, a sun, hills and stripes."""
    v, u = torch.meshgrid(torch.linspace(0, 1, SIDE), torch.linspace(0, 1, SIDE), indexing="ij")
    sun = ((u - 0.7) ** 2 + (v - 0.25) ** 2 < 0.02).float()
    hill = (v > 0.65 + 0.1 * torch.sin(9 * u)).float()
    stripes = 0.5 + 0.5 * torch.sign(torch.sin(40 * u + 20 * v))
    red = 0.3 + 0.5 * sun + 0.3 * hill * stripes
    green = 0.4 + 0.4 * sun + 0.2 * v
    blue = (0.9 - 0.5 * v) * (1 - hill) * (1 - sun)
    places = torch.stack([u, v], -1).view(-1, 2) * 2 - 1
    return places, torch.stack([red, green, blue], -1).view(-1, 3).clamp(0, 1)


class Sine(nn.Module):
    def __init__(self, inputs, outputs, first=False):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        bound = 1 / inputs if first else math.sqrt(6 / inputs) / 30
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(30 * self.linear(x))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(27)
    places, colours = picture()
    net = nn.Sequential(Sine(2, 64, first=True), Sine(64, 64), Sine(64, 64), nn.Linear(64, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.995)
    rows = [["it", "loss", "psnr"]]
    with newllm.record(net, optimizer, args.out / "recording") as recorder:
        for it in range(1, 501):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(places), colours)
            loss.backward()
            optimizer.step()
            decay.step()
            recorder.step(loss)
            psnr = None
            if it % 50 == 0:
                with torch.no_grad():
                    error = nn.functional.mse_loss(net(places).clamp(0, 1), colours).item()
                psnr = -10 * math.log10(error)
                recorder.validation(error)
                recorder.metrics({"psnr": psnr})
                print(f"{it}: {loss.item():.6f}, {psnr:.2f} dB")
            rows.append([it, loss.item(), psnr])
    with open(args.out / "log.csv", "w", newline="") as f:
        csv.writer(f).writerows(rows)


if __name__ == "__main__":
    main()
