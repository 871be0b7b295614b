"""Denoising diffusion of short pulse shapes (16 readings each): predicts the noise, evaluated with averaged weights."""
import argparse
import copy
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm

LEVELS = 100
ALPHA_BAR = torch.cos(torch.linspace(0, 1, LEVELS + 1)[1:] * math.pi / 2 * 0.98).square()


def pulses(n):
    t = torch.arange(16.0)
    centre = 5 + 6 * torch.rand(n, 1)
    width = 1 + 2 * torch.rand(n, 1)
    sign = torch.where(torch.rand(n, 1) < 0.5, 1.0, -1.0)
    return sign * torch.exp(-((t - centre) / width).square()) * 2 + 0.03 * torch.randn(n, 16)


class Denoiser(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, hidden), nn.SiLU())
        self.inp = nn.Linear(16, hidden)
        self.mid = nn.ModuleList([nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden)) for _ in range(2)])
        self.out = nn.Linear(hidden, 16)
        self.register_buffer("freq", torch.exp(torch.linspace(0, 4, 8)))

    def forward(self, x, level):
        angle = level.float()[:, None] / LEVELS * self.freq
        h = self.inp(x) + self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        for block in self.mid:
            h = h + block(h)
        return self.out(h)


def noised(x, level, noise):
    keep = ALPHA_BAR[level][:, None]
    return keep.sqrt() * x + (1 - keep).sqrt() * noise


def ema_update(average, model, decay):
    with torch.no_grad():
        for a, p in zip(average.parameters(), model.parameters()):
            a.lerp_(p, 1 - decay)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--steps", type=int, default=700)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)

    data, held = pulses(8000), pulses(1000)
    held_level, held_noise = torch.randint(LEVELS, (1000,)), torch.randn(1000, 16)
    model = Denoiser()
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, \
            newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        log = csv.writer(f)
        log.writerow(["step", "loss", "lr", "val_loss_ema"])
        for step in range(1, args.steps + 1):
            x = data[torch.randint(len(data), (64,))]
            level, noise = torch.randint(LEVELS, (64,)), torch.randn(64, 16)
            loss = nn.functional.mse_loss(model(noised(x, level, noise), level), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            recorder.step(loss)
            ema_update(average, model, min(0.99, (1 + step) / (10 + step)))
            val = ""
            if step % 70 == 0:
                with torch.no_grad():
                    val = nn.functional.mse_loss(average(noised(held, held_level, held_noise), held_level), held_noise).item()
                recorder.validation(val)
            log.writerow([step, loss.item(), schedule.get_last_lr()[0], val])


if __name__ == "__main__":
    main()
