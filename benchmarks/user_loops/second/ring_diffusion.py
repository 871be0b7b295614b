"""A diffusion model of points on two rings; judged with averaged weights."""

import argparse
import copy
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm

STEPS, NOISE_LEVELS = 700, 50


def rings(count):
    angle = 2 * math.pi * torch.rand(count)
    radius = torch.where(torch.rand(count) < 0.5, 0.6, 1.5) + 0.04 * torch.randn(count)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


class Denoiser(nn.Module):
    """Predict the noise in a point from the point and the level of the noise."""

    def __init__(self):
        super().__init__()
        self.level = nn.Embedding(NOISE_LEVELS, 32)
        self.inside = nn.Linear(2, 96)
        self.net = nn.Sequential(
            nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU()
        )
        self.last = nn.Linear(128, 2)

    def forward(self, x, t):
        """Give the predicted noise."""
        return self.last(self.net(torch.cat([self.inside(x), self.level(t)], 1)))


def noise_loss(model, x, alphas, generator=None):
    t = torch.randint(NOISE_LEVELS, (len(x),), generator=generator)
    noise = torch.randn(x.shape, generator=generator)
    a = alphas[t][:, None]
    return nn.functional.mse_loss(model(a.sqrt() * x + (1 - a).sqrt() * noise, t), noise)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(5)
    alphas = torch.cumprod(1 - torch.linspace(1e-3, 0.15, NOISE_LEVELS), 0)
    held_out = rings(2000)
    model = Denoiser()
    average = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-4)
    log = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(STEPS):
            loss = noise_loss(model, rings(256), alphas)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            with torch.no_grad():
                for name, value in model.state_dict().items():
                    average[name].lerp_(value, 0.001)
            row = [step, loss.item(), ""]
            if step >= 300 and step % 50 == 0:
                kept = copy.deepcopy(model.state_dict())
                model.load_state_dict(average)
                with torch.no_grad():
                    row[2] = noise_loss(model, held_out, alphas, torch.Generator().manual_seed(1)).item()
                if args.sound:
                    model.load_state_dict(kept)
                recorder.validation(row[2])
                print(row)
            log.append(row)
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["step", "loss", "val_loss_average"], *log])


if __name__ == "__main__":
    main()
