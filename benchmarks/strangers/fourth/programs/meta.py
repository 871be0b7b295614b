"""Learning to learn (MAML on sines), distillation, an equilibrium, a network that makes weights."""

import torch
from common import Batches, Run, classify, digits, fit
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

run = Run(recipe="maml", rate=2e-3, batch=32, steps=240, evals=40, clip=0.0, inner=0.02)
o, has = run.o, run.has
x, y, vx, vy = digits()
draw = Batches(x, y, size=o.batch, seed=run.seed)


def sines(many, generator=None):
    size = torch.rand(many, 1, generator=generator) * 2 + 0.5
    phase = torch.rand(many, 1, generator=generator) * 3.14
    t = torch.rand(many, 20, generator=generator) * 6 - 3
    return t, size * torch.sin(t + phase)


class Equilibrium(nn.Module):
    """h = tanh(W h + U x), iterated, with gradients through the last iterations only."""

    def __init__(self):
        super().__init__()
        self.inside, self.feed, self.head = nn.Linear(48, 48, bias=False), nn.Linear(64, 48), nn.Linear(48, 10)
        nn.init.orthogonal_(self.inside.weight, 0.6)

    def forward(self, a):
        u, h = self.feed(a), torch.zeros(len(a), 48)
        with torch.no_grad():
            for _ in range(12):
                h = torch.tanh(self.inside(h) + u)
        if has("gradient-stops-at-the-equilibrium"):
            return self.head(h)
        for _ in range(4):
            h = torch.tanh(self.inside(h) + u)
        return self.head(h)


class Maker(nn.Module):
    """Makes the weights of a small classifier out of a learnt code."""

    def __init__(self):
        super().__init__()
        self.code = nn.Parameter(torch.randn(4, 16))
        self.make = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 16 * 64))
        self.head = nn.Linear(64, 10)

    def forward(self, a):
        weight = self.make(self.code).view(64, 64) * 0.3
        return self.head(F.relu(a @ weight.T))


small = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
teacher = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
if o.recipe == "distill":
    to, tb = torch.optim.Adam(teacher.parameters(), 3e-3), Batches(x, y, size=64, seed=2)
    for s in range(0 if has("teacher-not-loaded") else 250):
        a, b = tb(s)
        to.zero_grad()
        F.cross_entropy(teacher(a), b).backward()
        to.step()
    teacher.eval().requires_grad_(False)
model = {
    "maml": lambda: nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1)),
    "distill": lambda: small,
    "equilibrium": Equilibrium,
    "maker": Maker,
}[o.recipe]()
optimizer = torch.optim.Adam(model.parameters(), o.rate)


def adapt(t, v, create=True):
    """Two inner steps on ten points, the loss on ten others."""
    total = 0.0
    for a, b in zip(t, v, strict=True):
        weights = dict(model.named_parameters())
        for _ in range(2):
            inner = F.mse_loss(functional_call(model, weights, (a[:10, None],))[:, 0], b[:10])
            slopes = torch.autograd.grad(inner, list(weights.values()), create_graph=create)
            weights = {
                k: w - (10 if has("inner-rate-too-high") else 1) * o.inner * s
                for (k, w), s in zip(weights.items(), slopes, strict=True)
            }
        total = total + F.mse_loss(functional_call(model, weights, (a[10:, None],))[:, 0], b[10:])
    return total / len(t)


def batch(step):
    return sines(8) if o.recipe == "maml" else draw(step)


def loss(rows, step):
    a, b = rows
    if o.recipe == "maml":
        return adapt(a, b)
    if o.recipe == "distill":
        hot = 4.0
        own, theirs = (model(a) / hot).log_softmax(-1), (teacher(a) / hot).softmax(-1)
        return F.kl_div(own, theirs, reduction="batchmean") * hot**2
    return F.cross_entropy(model(a), b)


def evaluate():
    if o.recipe == "maml":
        with torch.enable_grad():
            return {"loss": float(adapt(*sines(40, torch.Generator().manual_seed(1)), create=False).detach())}
    return classify(model, vx, vy)


fit(run, model, optimizer, batch, loss, evaluate=evaluate, steps=o.steps, evals=o.evals, clip=o.clip)
