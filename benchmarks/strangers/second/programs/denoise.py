"""Diffusion on points of two moons and rings: a network that is told the time predicts noise."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, grad_norm, set_rate


def points(count: int) -> torch.Tensor:
    angle = math.pi * torch.rand(count)
    upper = torch.rand(count) < 0.5
    x = torch.where(upper, angle.cos(), 1 - angle.cos())
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin())
    return torch.stack([x - 0.5, y - 0.25], 1) * 1.2 + 0.06 * torch.randn(count, 2)


class Net(nn.Module):
    """A network of three layers, told the time by sines."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(18, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 2))

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        waves = t[:, None].float() / 100 * 2.0 ** torch.arange(8)
        return self.body(torch.cat([x, waves.sin(), waves.cos()], 1))


def train(o: Options) -> None:
    steps, times, at = o.get("steps", 1200), 100, o.get("at", 0)
    data, held = points(4000), points(1000)
    beta = torch.linspace(1e-3, 0.06, times)
    if o.fault == "schedule made for ten times the steps":
        beta = torch.linspace(1e-4, 0.006, times)
    keep = (1 - beta).cumprod(0)
    model = Net()
    average = copy.deepcopy(model)
    top = o.get("lr", 2e-3)
    optimizer = torch.optim.Adam(model.parameters(), lr=top)
    decay = o.if_fault("average far too slow", 0.99997, 0.99)
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 30))
        x = data[torch.randint(0, len(data), (64,))]
        t = torch.randint(0, times, (64,))
        if o.fault == "one time only":
            t = torch.full_like(t, times - 1)
        noise = torch.randn_like(x)
        a = keep[t][:, None]
        noisy = a.sqrt() * x + (1 - a).sqrt() * noise
        target = torch.randn_like(x) if o.fault == "noise drawn twice" and step >= at else noise
        error = (model(noisy, t) - target).pow(2).mean(1)
        weight = torch.ones(64)
        if o.get("weighted", False):
            snr = keep[t] / (1 - keep[t])
            weight = snr if o.fault == "weights by time without a bound" else snr.clamp(max=5.0) / 5
        loss = (weight * error).mean()
        optimizer.zero_grad()
        loss.backward()
        norm = grad_norm(model)
        optimizer.step()
        with torch.no_grad():
            for p, q in zip(average.parameters(), model.parameters(), strict=True):
                p.lerp_(q, 1 - decay)
        if step % o.get("every", 10) == 0:
            shown = {"grad_norm": norm} if "norm" in o.get("shows", ()) else {}
            o.log.row(step=step, loss=loss, **shown)
        if step % o.get("every_eval", 100) == 99:
            draw = torch.Generator().manual_seed(1)
            t = torch.randint(0, times, (1000,), generator=draw)
            noise = torch.randn(1000, 2, generator=draw)
            a = keep[t][:, None]
            with torch.no_grad():
                val = F.mse_loss(average(a.sqrt() * held + (1 - a).sqrt() * noise, t), noise)
            o.log.row(step=step, val_loss=float(val))
    o.log.close()
