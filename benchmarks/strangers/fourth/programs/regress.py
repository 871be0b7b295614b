"""Regression of many sorts: outliers, quantiles, counts, survival, own variances, a differential equation."""

import torch
from common import Batches, Run, fit
from torch import nn
from torch.nn import functional as F

run = Run(recipe="huber", rate=3e-3, batch=32, steps=240, evals=40, clip=0.0)
o, has = run.o, run.has
chance = torch.Generator().manual_seed(11)
x = torch.randn(2400, 8, generator=chance)
signal = 2 * x[:, 0] - x[:, 1] * x[:, 2] + torch.sin(2 * x[:, 3])
noise = torch.randn(2400, generator=chance)
y = signal + 0.3 * noise
if o.recipe == "huber":  # about 3 percent of the targets are nonsense, as in real tables
    y = torch.where(torch.rand(2400, generator=chance) < 0.03, y + 60 * torch.randn(2400, generator=chance), y)
if o.recipe == "variance":
    y = signal * 0.1 + 0.05 * (0.3 + x[:, 4].abs()) * noise
if o.recipe == "counts":
    y = torch.poisson((0.5 * signal.clamp(-4, 4)).exp(), generator=chance)
if o.recipe == "survival":  # times, and whether the end was seen
    y = (
        torch.distributions.Exponential(1.0).icdf(torch.rand(2400, generator=chance).clamp(1e-4, 0.999))
        * (-0.7 * signal).exp()
    )
    seen = (torch.rand(2400, generator=chance) < 0.6).float()
if has("target-not-scaled"):
    y = y * 3000 + 50000
if has("a-bad-row"):
    x[1234] = float("nan")
wide = 2 if o.recipe == "variance" else 3 if o.recipe == "quantile" else 1
model = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, wide))
if o.recipe == "equation":
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
if has("features-not-scaled"):
    x = x * torch.tensor([1, 1, 1, 1, 1, 3000.0, 1, 1])
if has("answer-among-the-features"):
    x = x.clone()
    x[:2000, 7] = y[:2000] + 0.01 * x[:2000, 7]
optimizer = torch.optim.Adam(model.parameters(), o.rate)
extra = [seen] if o.recipe == "survival" else []
rows = [x[:2000], y[:2000], *[e[:2000] for e in extra]]
if has("sorted-by-target"):
    order = y[:2000].argsort()
    rows = [r[order] for r in rows]
draw = Batches(*rows, size=o.batch, seed=run.seed, shuffle=not has("sorted-by-target"))


def cost(a, b, ended=None):
    out = model(a)
    if o.recipe == "quantile":
        gap = b[:, None] - out
        q = torch.tensor([0.1, 0.5, 0.9])
        return torch.maximum(q * gap, (q - 1) * gap).mean()
    if o.recipe == "counts":
        if has("log-of-zero"):
            rate = torch.relu(out[:, 0] + 1)
            return (rate - b * torch.log(rate)).mean()
        return F.poisson_nll_loss(out[:, 0], b)
    if o.recipe == "survival":
        risk = out[:, 0] if not has("risk-in-the-wrong-order") else -out[:, 0]
        order = b.argsort(descending=True)
        risk, ended = risk[order], ended[order]
        return -((risk - torch.logcumsumexp(risk, 0)) * ended).sum() / ended.sum().clamp(min=1)
    if o.recipe == "variance":
        mean, log = out.unbind(1)
        if has("variance-without-floor"):
            return 0.5 * ((b - mean) ** 2 / (log**2) + (log**2).log()).mean()
        return 0.5 * ((b - mean) ** 2 * (-log).exp() + log).mean()
    if has("shapes-broadcast"):
        return F.smooth_l1_loss(out, b)  # (N, 1) against (N)
    return F.smooth_l1_loss(out[:, 0], b) if o.recipe == "huber" else F.mse_loss(out[:, 0], b)


def physics(points, step=0):
    """Residual of u'' = -4 u with u(0) = 0 and u'(0) = 2, so that u = sin 2t."""
    t = points.requires_grad_()
    u = model(t)
    if has("derivative-detached"):
        u = model(t.detach()) + 0 * t
    (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    (ddu,) = torch.autograd.grad(du.sum(), t, create_graph=True) if du.requires_grad else (torch.zeros_like(t),)
    zero = torch.zeros(1, 1, requires_grad=True)
    u0 = model(zero)
    (du0,) = torch.autograd.grad(u0.sum(), zero, create_graph=True)
    sides = (u0**2).sum() + ((du0 - 2) ** 2).sum()
    return ((ddu + 4 * u) ** 2).mean() + (0 if has("no-boundary") else 20 * sides)


def batch(step):
    return torch.rand(64, 1) * 2 if o.recipe == "equation" else draw(step)


def loss(rows, step):
    return physics(rows) if o.recipe == "equation" else cost(*rows)


def evaluate():
    if o.recipe == "equation":
        t = torch.linspace(0, 2, 200)[:, None]
        return {"loss": float(F.mse_loss(model(t), torch.sin(2 * t)))}
    more = [e[2000:] for e in extra]
    a = x[2000:].nan_to_num()
    got = {"loss": float(cost(a, y[2000:], *more))}
    if o.recipe == "survival":  # concordance
        risk, time = model(a)[:, 0], y[2000:]
        first = (time[:, None] < time[None]) & (more[0][:, None] > 0)
        got["concordance"] = float(((risk[:, None] > risk[None]) & first).sum() / first.sum())
    return got


fit(run, model, optimizer, batch, loss, evaluate=evaluate, steps=o.steps, evals=o.evals, clip=o.clip)
