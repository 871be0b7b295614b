"""Models of digits' distribution: variational autoencoder, diffusion, flow, autoencoder."""

import math

import torch
from common import Batches, Run, digits, fit
from torch import nn
from torch.nn import functional as F

run = Run(recipe="vae", rate=2e-3, batch=64, steps=240, evals=40, clip=0.0, warm=120)
o, has = run.o, run.has
x, y, vx, vy = digits()


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.mu, self.var = (
            nn.Sequential(nn.Linear(64, 64), nn.ReLU()),
            nn.Linear(64, 8),
            nn.Linear(64, 8),
        )
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, a, weight):
        h = self.encoder(a)
        mu, var = self.mu(h), self.var(h)
        z = mu + torch.randn_like(mu) * (0.5 * var).exp() if self.training or weight == 1 else mu
        if has("no-noise-in-the-code"):
            z = mu
        out = self.decoder(z)
        near = F.binary_cross_entropy_with_logits(out, a, reduction="mean" if has("one-term-averaged") else "sum")
        near = near if has("one-term-averaged") else near / len(a)
        kl = 0.5 * (mu**2 + var.exp() - 1 - var).sum(1).mean()
        if has("divergence-with-wrong-sign"):
            kl = 0.5 * (mu**2 + var.exp() - 1 + var).sum(1).mean()
        self.parts = (float(near.detach()), float(kl.detach()))
        return near + weight * kl


class Diffusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Embedding(50, 32)
        self.first, self.net = (
            nn.Linear(64, 96),
            nn.Sequential(nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 64)),
        )
        bars = torch.cos(torch.linspace(0.05, 1.0, 50) * math.pi / 2) ** 2
        self.register_buffer("bars", bars.clamp(1e-3, 0.999))

    def forward(self, a, seed=None):
        chance = torch.Generator().manual_seed(seed) if seed is not None else None
        t = torch.randint(50, (len(a),), generator=chance)
        e = torch.randn(a.shape, generator=chance)
        bar = self.bars[t][:, None]
        noisy = bar.sqrt() * (2 * a - 1) + (1 - bar).sqrt() * e
        if has("noise-drawn-again"):
            e = torch.randn(a.shape, generator=chance)
        return F.mse_loss(self.net(torch.cat([self.first(noisy), self.time(t)], 1)), e)


class Flow(nn.Module):
    """Affine couplings; densities of dequantized digits, so that losses go below zero."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList(nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(4))
        for net in self.nets:
            nn.init.zeros_(net[-1].weight)
            nn.init.zeros_(net[-1].bias)

    def forward(self, a):
        z, total = a * 4 - 2, torch.full((len(a),), 64 * math.log(4))
        for i, net in enumerate(self.nets):
            left, right = z[:, :32], z[:, 32:]
            if i % 2:
                left, right = right, left
            s, t = net(left).chunk(2, 1)
            s = 2 * torch.tanh(s)
            right = (right - t) * s.exp()
            total = total + (0 if has("volume-left-out") else s.sum(1))
            z = torch.cat([right, left] if i % 2 else [left, right], 1)
        return (0.5 * z**2 + 0.5 * math.log(2 * math.pi)).sum(1).mean() - total.mean()


model = {"vae": VAE, "diffusion": Diffusion, "flow": Flow}[o.recipe]()
optimizer = torch.optim.AdamW(model.parameters(), o.rate)
batches = Batches(x, size=o.batch, seed=run.seed)
average = {k: v.clone() for k, v in model.state_dict().items()}


def loss(pair, step):
    (a,) = pair
    if o.recipe == "vae":
        weight = min(1.0, step / o.warm) if o.warm else 1.0
        weight = 60.0 if has("divergence-weighs-too-much") else weight
        return model(a, weight)
    return model(a + torch.rand_like(a) / 16 if o.recipe == "flow" else a)


def evaluate():
    if o.recipe == "vae":
        torch.manual_seed(99 + run.seed)
        value = float(model(vx, 1))
        return {"loss": value, "reconstruction": model.parts[0], "kl": model.parts[1]}
    if o.recipe == "diffusion":
        kept = {k: v.clone() for k, v in model.state_dict().items()}
        model.load_state_dict(average)
        value = float(model(vx.repeat(4, 1), seed=4))
        model.load_state_dict(kept)
        return {"loss": value}
    return {"loss": float(model(vx + torch.rand(vx.shape, generator=torch.Generator().manual_seed(4)) / 16))}


def after(step):
    for k, v in model.state_dict().items():
        average[k].lerp_(v, 0.05)


fit(run, model, optimizer, batches, loss, evaluate=evaluate, steps=o.steps, evals=o.evals, clip=o.clip, after=after)
