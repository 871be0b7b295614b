"""Adversarial training on a ring of eight heaps."""

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options


def heaps(count: int) -> torch.Tensor:
    angle = torch.randint(0, 8, (count,)) * 6.2832 / 8
    return 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.08 * torch.randn(count, 2)


def _net(a: int, b: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(a, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, b)
    )


def train(o: Options) -> None:
    steps, at = o.get("steps", 1500), o.get("at", 0)
    width = o.get("width", 64)
    generator, critic = _net(4, 2, width), _net(2, 1, width)
    slow = o.get("lr", 1e-3)
    g = torch.optim.Adam(generator.parameters(), lr=slow * o.if_fault("one heap only", 12, 1), betas=(0.5, 0.9))
    d = torch.optim.Adam(critic.parameters(), lr=slow * o.get("critic_times", 1.0), betas=(0.5, 0.9))
    wasserstein = o.get("wasserstein", False)
    for step in range(steps):
        rounds = o.if_fault("discriminator wins", 8, 3 if wasserstein else 1)
        up = down = loss_d = torch.zeros(64, 1)
        for _ in range(rounds):
            real, fake = heaps(64), generator(torch.randn(64, 4)).detach()
            up, down = critic(real), critic(fake)
            if wasserstein:
                loss_d = down.mean() - up.mean()
                if o.fault != "critic without a bound":
                    mix = (real + torch.rand(64, 1) * (fake - real)).requires_grad_(True)
                    slope = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)[0].norm(dim=1)
                    loss_d = loss_d + 5 * ((slope - 1) ** 2).mean()
            else:
                soft = o.get("soft", 1.0)
                loss_d = F.binary_cross_entropy_with_logits(up, torch.full_like(up, soft))
                loss_d = loss_d + F.binary_cross_entropy_with_logits(down, torch.zeros_like(down))
                loss_d = loss_d / 2
            if o.fault == "discriminator stops learning" and step >= at:
                break
            d.zero_grad()
            loss_d.backward()
            d.step()
        fake = generator(torch.randn(64, 4))
        score = critic(fake)
        if wasserstein:
            loss_g = -score.mean()
        elif o.fault == "generator told the labels of the other":
            loss_g = F.binary_cross_entropy_with_logits(score, torch.zeros_like(score))
        else:
            loss_g = F.binary_cross_entropy_with_logits(score, torch.ones_like(score))
        g.zero_grad()
        loss_g.backward()
        g.step()
        if step % o.get("every", 10) == 0:
            extra = {"D_x": up.sigmoid().mean(), "D_G_z": down.sigmoid().mean()} if o.get("shows_d", False) else {}
            if o.get("spread", False):
                with torch.no_grad():
                    extra["sample_std"] = float(generator(torch.randn(256, 4)).std(0).mean())
            o.log.row(step=step, loss_d=loss_d, loss_g=loss_g, **extra)
    o.log.close()
