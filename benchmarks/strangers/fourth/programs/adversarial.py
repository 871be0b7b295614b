"""Generators of digits against a discriminator: plain, Wasserstein with a penalty, hinge."""

import torch
from common import Batches, Run, digits
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

run = Run(recipe="plain", rate=1e-3, batch=64, steps=240, critic=1, watch="generator", fast=4.0)
o, has = run.o, run.has
x, y, vx, vy = digits()
g = nn.Sequential(
    nn.Linear(16, 128),
    nn.Unflatten(1, (32, 2, 2)),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.ConvTranspose2d(32, 16, 4, 2, 1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.ConvTranspose2d(16, 1, 4, 2, 1),
    nn.Sigmoid(),
)
wrap = spectral_norm if o.recipe == "hinge" else (lambda m: m)
d = nn.Sequential(
    wrap(nn.Conv2d(1, 16, 3, 2, 1)),
    nn.LeakyReLU(0.2),
    wrap(nn.Conv2d(16, 32, 3, 2, 1)),
    nn.LeakyReLU(0.2),
    nn.Flatten(),
    wrap(nn.Linear(128, 1)),
)
betas = (0.0, 0.9) if o.recipe == "wasserstein" else (0.5, 0.999)
go = torch.optim.Adam(g.parameters(), o.rate, betas=betas)
do = torch.optim.Adam(d.parameters(), o.rate * (1 if o.recipe == "wasserstein" else o.fast), betas=betas)
batches = Batches(x.view(-1, 1, 8, 8), size=o.batch, seed=run.seed)
if has("real-digits-not-scaled"):
    batches = Batches(x.view(-1, 1, 8, 8) * 16, size=o.batch, seed=run.seed)

# A judge of what is generated: a classifier that was trained before, and whose weights are not touched again.
judge = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
jo = torch.optim.Adam(judge.parameters(), 3e-3)
jb = Batches(x, y, size=64, seed=1)
for s in range(300):
    a, b = jb(s)
    jo.zero_grad()
    F.cross_entropy(judge(a), b).backward()
    jo.step()
real_mean, real_cov = judge[:2](vx).detach().mean(0), judge[:2](vx).detach().T.cov()


@torch.no_grad()
def distance():
    """Fréchet-like: means and variances of the judge's features; and how many digits the generator makes."""
    g.eval()
    z = torch.randn(397, 16, generator=torch.Generator().manual_seed(5))
    made = g(torch.ones_like(z) if has("noise-is-constant") else z).flatten(1)
    g.train()
    f = judge[:2](made)
    return {
        "fid": float(((f.mean(0) - real_mean) ** 2).sum() + (f.std(0) - real_cov.diagonal().sqrt()).pow(2).sum()),
        "classes": float((judge(made).argmax(1).bincount(minlength=10) > 4).sum()),
    }


def noise():
    return torch.ones(o.batch, 16) if has("noise-is-constant") else torch.randn(o.batch, 16)


def cost_d(real):
    fake = g(noise()).detach()
    r, f = d(real), d(fake)
    if o.recipe == "wasserstein":
        share = torch.rand(len(real), 1, 1, 1)
        between = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(d(between).sum(), between, create_graph=True)
        penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
        return f.mean() - r.mean() + (0.0 if has("no-penalty") else 10 * penalty)
    if o.recipe == "hinge":
        return F.relu(1 - r).mean() + F.relu(1 + f).mean()
    return F.binary_cross_entropy_with_logits(r, torch.full_like(r, 0.9)) + F.binary_cross_entropy_with_logits(
        f, torch.zeros_like(f)
    )


def cost_g():
    f = d(g(noise()))
    if o.recipe in ("wasserstein", "hinge"):
        return f.mean() if has("generator-runs-the-wrong-way") else -f.mean()
    return F.binary_cross_entropy_with_logits(f, torch.ones_like(f))


watched = (g, go) if o.watch == "generator" else (d, do)
with run.record(*watched) as recorder:
    first = distance()
    recorder.metrics(first)
    lg = torch.zeros(())
    run.say(0, **first)
    for step in range(o.steps):
        for k in range(o.critic):
            do.zero_grad()
            ld = cost_d(batches(step)[0])
            ld.backward()
            if not (has("discriminator-never-steps") and step >= 60):
                do.step()
            if o.watch != "generator" and k == o.critic - 1:
                recorder.metrics({"loss_g": float(lg.detach())})
                recorder.step(ld.detach())
        go.zero_grad()
        lg = cost_g()
        lg.backward()
        go.step()
        if o.watch == "generator":
            recorder.metrics({"loss_d": float(ld.detach())})
            recorder.step(lg.detach())
        if (step + 1) % 10 == 0:
            run.say(step + 1, loss_d=float(ld.detach()), loss_g=float(lg.detach()))
        if (step + 1) % 40 == 0:
            got = distance()
            recorder.metrics(got)
            run.say(step + 1, **got)
