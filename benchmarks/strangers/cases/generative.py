"""A VAE on digits and a diffusion model on points of a plane, in a plain loop."""

from collections.abc import Callable
from itertools import count

import torch
from benchmarks.strangers.cases.data import Batch, Loader, digits, ring
from benchmarks.strangers.cases.hooks import Hook
from benchmarks.strangers.cases.loop import Loop, Plan, Task
from benchmarks.strangers.cases.models import mlp
from benchmarks.strangers.cases.registry import Out
from torch import Tensor, nn
from torch.nn import functional as F

_PLAN = Plan(steps=400)
_LEVELS = 50  # of noise


class VAE(nn.Module):
    """Encoder and decoder of linear maps; eight numbers between them."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = mlp(64, 96, 16), mlp(8, 96, 64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits of the pixels, and mean and logarithm of the variance of the code."""
        mean, spread = self.encoder(x).chunk(2, -1)
        return self.decoder(mean + torch.randn_like(mean) * (spread / 2).exp()), mean, spread


def vae_loss(found: tuple[Tensor, Tensor, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return how badly the pixels are rebuilt and the divergence of the code, nats an image."""
    logits, mean, spread = found
    rebuilt = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
    return rebuilt, -0.5 * (1 + spread - mean**2 - spread.exp()).sum(1).mean()


def vae(
    out: Out, *, style: str = "csv", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = (),
    weight: Callable[[int], float] = lambda step: 1.0, floor: float = 0.0,
) -> None:  # fmt: skip
    """Train one.

    Switches:
        weight: of the divergence, by step.
        floor: a divergence below this costs no less ("free bits").
    """
    (images, labels), (held_out, _) = digits()
    loader = Loader(images.flatten(1), labels, batch=32, seed=out.seed)
    steps = count()
    task = Task(VAE(), loader, lambda net, part: loss(net, part), lambda net: {}, loader.epoch)

    def loss(net: nn.Module, part: Batch) -> Tensor:
        rebuilt, divergence = vae_loss(net(part[0]), part[0])
        task.extra.update({"recon": rebuilt.item(), "kl": divergence.item()})
        return rebuilt + weight(next(steps)) * divergence.clamp(min=floor)

    def evaluate(net: nn.Module) -> dict[str, float]:
        rebuilt, divergence = vae_loss(net(held_out.flatten(1)), held_out.flatten(1))
        return {"val_loss": (rebuilt + divergence).item()}

    task.evaluate = evaluate
    Loop(out, task, plan, hooks, style).run()


class Denoiser(nn.Module):
    """Tells the noise in a point from the point and the level."""

    def __init__(self, knows_level: bool = True):
        super().__init__()
        self.knows_level, self.net = knows_level, mlp(2 + 16, 96, 96, 2, activation=nn.SiLU)
        self.register_buffer("waves", 2.0 ** torch.arange(8))

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Return the noise."""
        angle = level[:, None] / _LEVELS * self.waves
        place = torch.cat([angle.sin(), angle.cos()], 1)
        return self.net(torch.cat([x, place if self.knows_level else torch.zeros_like(place)], 1))


def noisy(points: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return noisy points, their levels and the noise."""
    level, noise = torch.randint(_LEVELS, (len(points),)), torch.randn_like(points)
    share = kept[level][:, None]
    return share.sqrt() * points + (1 - share).sqrt() * noise, level, noise


def diffusion(
    out: Out, *, style: str = "jsonl", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = (), drawn_twice: bool = False,
    knows_level: bool = True, scale: float = 1.0, batch: int = 64, last: float = 0.12,
) -> None:  # fmt: skip
    """DDPM on eight heaps in a ring.

    Switches:
        drawn_twice: the noise that is to be told is drawn anew, and is not the one that was added.
        scale: of the points; 60 leaves the noise invisible.
        last: how much noise the last step adds.
    """
    kept = torch.cumprod(1 - torch.linspace(1e-4, last, _LEVELS), 0)
    loader = Loader(ring(4000, out.seed) * scale, batch=batch, seed=out.seed)
    held_out = ring(1000, 77_777) * scale

    def measure(net: nn.Module, points: Tensor) -> Tensor:
        x, level, noise = noisy(points, kept)
        return F.mse_loss(net(x, level), torch.randn_like(noise) if drawn_twice else noise)

    task = Task(Denoiser(knows_level), loader, lambda net, part: measure(net, part[0]),
                lambda net: {"val_loss": measure(net, held_out).item()}, loader.epoch, batch)  # fmt: skip
    Loop(out, task, plan, hooks, style).run()
