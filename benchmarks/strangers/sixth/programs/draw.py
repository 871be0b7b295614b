"""Digits drawn by a VAE or by diffusion. python draw.py --out DIR [--fault F] [--set k=v ...]"""

import torch
from common import Given, Say, digits
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
what, epochs, batch, rate = given("what", "vae"), given("epochs", 18), given("batch", 50), given("rate", 0.002)
X, _, V, _ = digits(given.seed)
X, V = X.flatten(1), V.flatten(1)
say = Say(given("style", "epoch"), epochs * (len(X) // batch))


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 16))
        self.decode = nn.Sequential(nn.Linear(8, 96), nn.ReLU(), nn.Linear(96, 64))

    def forward(self, x):
        mean, spread = self.encode(x).chunk(2, -1)
        z = mean + torch.randn_like(mean) * torch.exp(spread if given.has("spread-is-a-variance") else spread / 2)
        return self.decode(z), mean, spread


def vae_loss(model, x, beta):
    out, mean, spread = model(x)
    fit = F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(1).mean()
    divergence = -0.5 * (1 + spread - mean**2 - spread.exp()).sum(1).mean()
    return fit + beta * divergence, fit, divergence


def beta_at(step):
    ramp = given("ramp", 0)
    if not ramp:
        return given("beta", 1.0)
    return step / ramp if given.has("ramp-not-capped") else min(1.0, step / ramp)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Embedding(50, 64)
        self.first, self.second, self.last = nn.Linear(64, 160), nn.Linear(160, 160), nn.Linear(160, 64)
        self.shift = nn.Linear(64, 160)

    def forward(self, x, t):
        x = F.silu(self.first(x) + self.shift(self.time(t)))
        return self.last(x + F.silu(self.second(x)))


BETAS = torch.linspace(1e-3, 0.2, 50)
ALPHAS = 1 - BETAS
BARS = ALPHAS.cumprod(0)


def diffusion_loss(model, x):
    t = torch.randint(50, (len(x),))
    noise = torch.randn_like(x)
    level = (ALPHAS if given.has("alphas-not-cumulated") else BARS)[t][:, None]
    return F.mse_loss(model(level.sqrt() * x + (1 - level).sqrt() * noise, t), noise)


@torch.no_grad()
def sample(model, count):
    x = torch.randn(count, 64)
    for t in reversed(range(50)):
        noise = model(x, torch.full((count,), t))
        x = (x - BETAS[t] / (1 - BARS[t]).sqrt() * noise) / ALPHAS[t].sqrt()
        if t:
            x = x + BETAS[t].sqrt() * torch.randn_like(x)
    return x


def distance(a, b):
    """Energy distance."""
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def main():
    model = Vae() if what == "vae" else Denoiser()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    centre = (lambda x: x) if what == "vae" else (lambda x: x * 2 - 1)
    step, average = 0, None
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for epoch in range(epochs):
            order, total = torch.randperm(len(X)), 0.0
            for begin in range(0, len(X), batch):
                x = centre(X[order[begin : begin + batch]])
                more = {}
                if what == "vae":
                    loss, fit, divergence = vae_loss(model, x, beta_at(step))
                    more = {"rec": fit.item(), "kl": divergence.item()}
                else:
                    loss = diffusion_loss(model, x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                recorder.step(loss)
                total += loss.item()
                if say.style != "epoch":
                    say.step(step, loss.item(), rate, **more)
            model.eval()
            with torch.no_grad():
                if what == "vae":
                    value, fit, divergence = (v.item() for v in vae_loss(model, V, 1.0))
                    recorder.metrics({"reconstruction": fit, "kl": divergence})
                    more = {"rec": fit, "kl": divergence}
                else:
                    value = sum(diffusion_loss(model, centre(V)).item() for _ in range(4)) / 4
                    more = {}
                    if epoch % 3 == 2:
                        more = {"energy_distance": distance(sample(model, 300), centre(V))}
                        recorder.metrics(more)
            model.train()
            recorder.validation(value)
            average = total / (len(X) // batch)
            say.judged(step, epoch + 1, average, value, **more)


if __name__ == "__main__":
    main()
