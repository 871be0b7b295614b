"""Plain loop: a variational autoencoder, a diffusion model or an adversary, of digits."""

import torch
from common import Printer, batches, digits, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(what="vae", epochs=12, size=32, rate=2e-3, ramp=0, kind="", beta=1.0)
say = Printer(o.style)
x, _, vx, _ = digits(o.seed)
x, vx = x / 16, vx / 16
record = {"kind": o.kind} if o.kind else {}


class VAE(nn.Module):
    """Two layers each way."""

    def __init__(self, width=128, codes=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 2 * codes))
        self.decoder = nn.Sequential(nn.Linear(codes, width), nn.ReLU(), nn.Linear(width, 64))

    def forward(self, x):
        """Logits of the pixels, and the code's distribution."""
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.decoder(z), mean, log_variance


def vae_loss(model, x, beta):
    out, mean, log_variance = model(x)
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp())
    if o.fault == "divergence-summed":  # a mean of the pixels, and a sum of all else
        pixels, divergence = F.binary_cross_entropy_with_logits(out, x), divergence.sum()
    else:
        pixels = F.binary_cross_entropy_with_logits(out, x, reduction="sum") / len(x)
        divergence = divergence.sum() / len(x)
    return pixels + beta * divergence, pixels, divergence


class Noise(nn.Module):
    """Tells the noise in an image."""

    def __init__(self, width=192):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(64 + 16, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 64)
        )

    def forward(self, x, t):
        """The noise."""
        angles = t[:, None] * torch.arange(1, 9) * 1.5708
        return self.net(torch.cat([x, angles.sin(), angles.cos()], 1))


def add_noise(x, t):
    keep = torch.cos(t * 1.5)[:, None]
    return keep * x + (1 - keep**2).sqrt() * torch.randn_like(x)


def diffusion_loss(model, x):
    x = 2 * x - 1
    t = torch.rand(len(x))
    if o.fault == "noise-drawn-twice":
        return F.mse_loss(model(add_noise(x, t), t), torch.randn_like(x))
    keep, noise = torch.cos(t * 1.5)[:, None], torch.randn_like(x)
    return F.mse_loss(model(keep * x + (1 - keep**2).sqrt() * noise, t), noise)


def single(model, loss_of):
    """One model, one optimizer; `loss_of` returns the loss and what to print beside it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=o.rate)
    step = 0
    with newllm.record(model, optimizer, out=o.out / "recording", **record) as recorder:
        for epoch in range(o.epochs):
            for part in batches(len(x), o.size):
                optimizer.zero_grad()
                loss, more = loss_of(model, x[part], step)
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                if more:
                    recorder.metrics(more)
                if step % 20 == 0:
                    say(epoch=epoch, step=step, loss=loss.item(), **more)
                step += 1
            model.eval()
            with torch.no_grad():
                value, more = loss_of(model, vx, step)
            model.train()
            recorder.validation(value.item())
            say(epoch=epoch, val_loss=value.item(), **{f"val_{k}": v for k, v in more.items()})


def vae(model, x, step):
    beta = o.beta * (min(1.0, step / o.ramp) if o.ramp else 1.0)
    loss, pixels, divergence = vae_loss(model, x, beta)
    return loss, {"recon": pixels.item(), "kl": divergence.item()}


def adversary():
    """Two optimizers; the generator is recorded."""
    generator = nn.Sequential(
        nn.Linear(16, 128),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Linear(128, 128),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Linear(128, 64),
    )
    critic = nn.Sequential(
        nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
    )
    of_generator = torch.optim.Adam(generator.parameters(), lr=o.rate, betas=(0.5, 0.99))
    of_critic = torch.optim.Adam(critic.parameters(), lr=o.rate, betas=(0.5, 0.99))
    step = 0
    with newllm.record(generator, of_generator, out=o.out / "recording", **record) as recorder:
        for epoch in range(o.epochs):
            for part in batches(len(x), o.size):
                real, made = x[part], generator(torch.randn(len(part), 16)).sigmoid()
                of_critic.zero_grad()
                on_real, on_made = critic(real), critic(made.detach())
                loss_d = F.softplus(-on_real).mean() + F.softplus(on_made).mean()
                loss_d.backward()
                of_critic.step()
                of_generator.zero_grad()
                loss_g = F.softplus(-critic(made)).mean()
                loss_g.backward()
                of_generator.step()
                recorder.step(loss_g)
                if step % 20 == 0:
                    say(epoch=epoch, step=step, loss_d=loss_d.item(), loss_g=loss_g.item())
                step += 1
            generator.eval()
            with torch.no_grad():
                made = generator(torch.randn(len(vx), 16)).sigmoid()
            generator.train()
            a, b = torch.cdist(made, vx).mean(), (torch.cdist(made, made).mean() + torch.cdist(vx, vx).mean()) / 2
            recorder.metrics({"energy_distance": (a - b).item()})
            say(epoch=epoch, energy_distance=(a - b).item())


if o.what == "vae":
    single(VAE(), vae)
elif o.what == "diffusion":
    single(Noise(), lambda model, x, step: (diffusion_loss(model, x), {}))
else:
    adversary()
