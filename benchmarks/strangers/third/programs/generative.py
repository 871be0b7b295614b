"""Generative models: a variational autoencoder, a GAN, diffusion and a flow, on digits and on points."""

import copy
import math

import torch
import torch.nn.functional as F
from common import digits, gradient_norm, start
from styles import style
from torch import nn


def mlp(*sizes, last=None, act=nn.ReLU):
    """A perceptron."""
    layers = []
    for i in range(len(sizes) - 1):
        layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        if i < len(sizes) - 2:
            layers.append(act())
    return nn.Sequential(*layers, *([last] if last else []))


class Vae(nn.Module):
    """A variational autoencoder of images."""

    def __init__(self, run):
        super().__init__()
        self.encoder, self.decoder = mlp(64, 96, 16), mlp(8, 96, 64)
        self.run = run

    def forward(self, x):
        mean, spread = self.encoder(x).chunk(2, -1)
        std = (0.5 * spread).exp()
        z = mean + torch.randn_like(mean) * std
        return self.decoder(z), mean, spread


def vae(run):
    """Trains it."""
    x, _, vx, _ = digits()
    x, vx = x.flatten(1) / 16, vx.flatten(1) / 16
    if run.has("pixels-not-scaled"):
        x, vx = x * 16, vx * 16
    model = Vae(run)
    optimizer = torch.optim.Adam(model.parameters(), lr=run.get("lr", 2e-3))
    epochs, batch = run.get("epochs", 15), 50
    per_epoch = len(x) // batch
    log, step = style(run, epochs * per_epoch, per_epoch), 0

    def parts(rows, beta):
        out, mean, spread = model(rows)
        reconstruction = F.mse_loss(out, rows, reduction="sum") / len(rows)
        if run.has("mean-against-sum"):  # a mean over pixels against a sum over latents
            reconstruction = F.mse_loss(out, rows)
        divergence = -0.5 * (1 + spread - mean.square() - spread.exp()).sum(-1).mean()
        if run.has("divergence-sign"):
            divergence = -divergence
        return reconstruction + beta * divergence, reconstruction, divergence

    with run.recorder(model, optimizer) as recorder:
        for epoch in range(epochs):
            beta = run.get("beta", 0.1)
            if run.get("anneal", 0):
                beta *= min(1.0, epoch / (epochs / 2))
            if run.has("beta-too-high"):
                beta = 60.0
            order = torch.randperm(len(x))
            for at in range(0, per_epoch * batch, batch):
                loss, reconstruction, divergence = parts(x[order[at : at + batch]], beta)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                if step % run.get("every", 7) == 0:
                    log.step(step, epoch, loss=float(loss), recon_loss=float(reconstruction), kl=float(divergence))
                step += 1
            with torch.no_grad():
                val = float(parts(vx, beta)[0])
            recorder.validation(val)
            log.evaluation(step - 1, epoch, val_loss=val)


def ring(count):
    """Points on eight blobs."""
    angle = torch.randint(0, 8, (count,)) * (math.pi / 4)
    return torch.stack([angle.cos(), angle.sin()], -1) * 2 + 0.05 * torch.randn(count, 2)


def gan(run):
    """A GAN of points, of the usual kind or Wasserstein's."""
    generator, critic = mlp(4, 48, 48, 2), mlp(2, 48, 48, 1)
    rate = run.get("lr", 1e-3)
    g_opt = torch.optim.Adam(generator.parameters(), lr=rate, betas=(0.5, 0.999))
    strong = 20 if run.has("critic-too-strong") else 1
    d_opt = torch.optim.Adam(critic.parameters(), lr=rate * strong, betas=(0.5, 0.999))
    if run.has("one-optimizer-for-both"):  # the generator's optimizer holds the critic's weights too
        g_opt = torch.optim.Adam([*generator.parameters(), *critic.parameters()], lr=rate, betas=(0.5, 0.999))
    total, wasserstein = run.get("steps", 800), run.get("wasserstein", 0)
    log = style(run, total)
    with run.recorder(generator, g_opt) as recorder:
        for step in range(total):
            rounds = 8 if run.has("critic-too-strong") else (3 if wasserstein else 1)
            for _ in range(rounds):
                real, fake = ring(64), generator(torch.randn(64, 4)).detach()
                if run.has("real-scaled-otherwise"):
                    real = real * 25
                r, f = critic(real), critic(fake)
                if wasserstein:
                    mix = torch.rand(64, 1)
                    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
                    slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
                    penalty = 0.0 if run.has("penalty-forgotten") else 5 * (slope.norm(dim=-1) - 1).square().mean()
                    d_loss = f.mean() - r.mean() + penalty
                else:
                    high = 0.9 if run.get("soft", 0) else 1.0
                    d_loss = F.binary_cross_entropy_with_logits(r, torch.full_like(r, high))
                    d_loss = d_loss + F.binary_cross_entropy_with_logits(f, torch.zeros_like(f))
                d_opt.zero_grad()
                d_loss.backward()
                if not (run.has("critic-never-trained")):
                    d_opt.step()
            f = critic(generator(torch.randn(64, 4)))
            if wasserstein:
                g_loss = -f.mean()
            elif run.has("saturating-sign"):  # the generator is trained for the critic, not against it
                g_loss = F.binary_cross_entropy_with_logits(f, torch.zeros_like(f))
            else:
                g_loss = F.binary_cross_entropy_with_logits(f, torch.ones_like(f))
            g_opt.zero_grad()
            g_loss.backward()
            g_opt.step()
            recorder.step(g_loss)
            if step % 20 == 0:
                with torch.no_grad():
                    d_x, d_gz = float(r.sigmoid().mean()), float(f.sigmoid().mean())
                values = {} if wasserstein else {"D_x": d_x, "D_G_z": d_gz}
                log.step(step, 0, loss_D=float(d_loss), loss_G=float(g_loss), **values)


class Denoiser(nn.Module):
    """Says the noise of noisy points and a time."""

    def __init__(self, run):
        super().__init__()
        self.net, self.run = mlp(64 + 16, 128, 128, 64, act=nn.SiLU), run

    def forward(self, x, t):
        if self.run.has("time-not-given"):
            t = torch.zeros_like(t)
        angles = t.unsqueeze(-1) * torch.exp(torch.arange(8) * -0.8)
        return self.net(torch.cat([x, angles.sin(), angles.cos()], -1))


def diffusion(run):
    """Denoising diffusion of digits, with averaged weights for evaluation."""
    x, _, vx, _ = digits()
    x, vx = x.flatten(1) / 8 - 1, vx.flatten(1) / 8 - 1
    if run.has("pixels-not-scaled"):
        x, vx = (x + 1) * 127, (vx + 1) * 127
    steps = 100
    betas = torch.linspace(1e-3, 0.12, steps)
    keep = torch.cumprod(1 - betas, 0)
    if run.has("schedule-not-accumulated"):
        keep = 1 - betas
    model = Denoiser(run)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.get("lr", 1.5e-3))
    total = run.get("steps", 800)
    log = style(run, total)
    decay = 0.99995 if run.has("average-too-slow") else 0.98

    def loss_by(net, rows, draw=None):
        t = torch.randint(0, steps, (len(rows),), generator=draw)
        noise = torch.randn(rows.shape, generator=draw)
        share = keep[t].unsqueeze(-1)
        noisy = share.sqrt() * rows + (1 - share).sqrt() * noise
        target = noise
        if run.has("target-drawn-anew"):
            target = torch.randn(rows.shape, generator=draw)
        guess = net(noisy, t.float())
        if run.get("predicts_v", 0):
            target = share.sqrt() * noise - (1 - share).sqrt() * rows
        return F.mse_loss(guess, target)

    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            loss = loss_by(model, x[torch.randint(0, len(x), (64,))])
            optimizer.zero_grad()
            loss.backward()
            norm = gradient_norm(model.parameters())
            optimizer.step()
            recorder.step(loss)
            with torch.no_grad():
                for mine, theirs in zip(average.parameters(), model.parameters(), strict=True):
                    mine.lerp_(theirs, 1 - decay)
            if step % 10 == 0:
                log.step(step, 0, loss=float(loss), grad_norm=norm)
            if (step + 1) % 100 == 0:
                with torch.no_grad():
                    val = float(loss_by(average, vx, torch.Generator().manual_seed(3)))
                recorder.validation(val)
                log.evaluation(step, 0, val_loss=val)


class Flow(nn.Module):
    """Affine coupling layers on two numbers."""

    def __init__(self, run):
        super().__init__()
        self.nets = nn.ModuleList([mlp(1, 24, 2) for _ in range(6)])
        self.run = run

    def forward(self, x):
        logdet = torch.zeros(len(x))
        for i, net in enumerate(self.nets):
            a, b = (x[:, :1], x[:, 1:]) if i % 2 == 0 else (x[:, 1:], x[:, :1])
            scale, shift = net(a).chunk(2, -1)
            scale = scale if self.run.has("scales-unbounded") else scale.tanh()
            b = b * scale.exp() + shift
            logdet = logdet + scale.squeeze(-1)
            x = torch.cat([a, b], -1) if i % 2 == 0 else torch.cat([b, a], -1)
        return x, logdet


def flow(run):
    """Its negative log likelihood, in nats."""
    model = Flow(run)
    optimizer = torch.optim.Adam(model.parameters(), lr=run.get("lr", 3e-3))
    total = run.get("steps", 600)
    log = style(run, total)
    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            z, logdet = model(ring(128))
            prior = (-0.5 * z.square() - 0.5 * math.log(2 * math.pi)).sum(-1)
            if run.has("prior-forgotten"):
                prior = torch.zeros_like(prior)
            if run.has("determinant-sign"):
                logdet = -logdet
            loss = -(prior + logdet).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step % 10 == 0:
                log.step(step, 0, nll=float(loss))


if __name__ == "__main__":
    asked = start()
    {"vae": vae, "gan": gan, "diffusion": diffusion, "flow": flow}[asked.get("task", "vae")](asked)
