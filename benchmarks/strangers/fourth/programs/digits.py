"""Classifiers of 8x8 digits, by many recipes."""

import copy
import math

import torch
from common import Batches, Run, classify, digits, fit
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

run = Run(recipe="plain", model="cnn", rate=1e-3, batch=32, steps=240, evals=40)
o, has = run.o, run.has
x, y, vx, vy = digits()


class Lion(torch.optim.Optimizer):
    """Steps by the sign of an interpolated momentum."""

    def __init__(self, parameters, lr, decay=0.01):
        super().__init__(parameters, {"lr": lr, "decay": decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["decay"]).sub_((0.9 * m + 0.1 * p.grad).sign(), alpha=group["lr"])
                m.mul_(0.99).add_(p.grad, alpha=0.01)


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for matrices, plain momentum for the rest."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p)).mul_(0.95).add_(p.grad)
                if p.dim() < 2:
                    p.sub_(m, alpha=group["lr"] * 0.2)
                    continue
                u = m.flatten(1)
                u = u / (u.norm() + 1e-7)
                u = u.T if u.shape[0] > u.shape[1] else u
                for _ in range(5):
                    a = u @ u.T
                    u = 3.4445 * u + (-4.775 * a + 2.0315 * a @ a) @ u
                u = u.T if m.flatten(1).shape[0] > m.flatten(1).shape[1] else u
                p.sub_(u.reshape(p.shape), alpha=group["lr"] * max(1, u.shape[0] / u.shape[1]) ** 0.5)


class Lookahead(torch.optim.AdamW):
    """AdamW whose weights go half-way back to slow ones at every fifth step."""

    slow, count = None, 0

    @torch.no_grad()
    def step(self, closure=None):
        every = [p for g in self.param_groups for p in g["params"]]
        self.slow = self.slow or [p.clone() for p in every]
        super().step()
        self.count += 1
        if self.count % 5 == 0:
            for p, s in zip(every, self.slow, strict=True):
                s.lerp_(p, 0.5)
                p.copy_(s)


class Fake(torch.autograd.Function):
    """Rounds to 4 bits; gradients go straight through."""

    @staticmethod
    def forward(ctx, w):
        scale = w.abs().max() / 7 + 1e-8
        return (w / scale).round().clamp(-8, 7) * scale

    @staticmethod
    def backward(ctx, g):
        return g


class Quantized(nn.Linear):
    """A linear layer with rounded weights."""

    def forward(self, x):
        return F.linear(x, Fake.apply(self.weight), self.bias)


class Residual(nn.Module):
    """Normalised blocks, each left out now and then."""

    def __init__(self, width=48, blocks=3):
        super().__init__()
        self.first = nn.Linear(64, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            if not self.training or torch.rand(()) > 0.3:
                x = x + block(x)
        return self.head(x)


def build():
    if o.model == "mlp":
        return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    if o.model == "quantized":
        return nn.Sequential(Quantized(64, 64), nn.ReLU(), Quantized(64, 64), nn.ReLU(), nn.Linear(64, 10))
    if o.model == "residual":
        return Residual()
    if o.model == "sigmoid":
        return nn.Sequential(nn.Linear(64, 48), nn.Sigmoid(), nn.Linear(48, 48), nn.Sigmoid(), nn.Linear(48, 10))
    norm = nn.BatchNorm2d if o.model == "bn" else (lambda c: nn.GroupNorm(4, c))
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        norm(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        norm(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


model = build()
kinds = {
    "lion": lambda p: Lion(p, o.rate),
    "muon": lambda p: Muon(p, o.rate),
    "lookahead": lambda p: Lookahead(p, o.rate),
    "restarts": lambda p: torch.optim.SGD(p, o.rate, momentum=0.9, nesterov=True),
    "sgd": lambda p: torch.optim.SGD(p, o.rate, momentum=0.9),
}
optimizer = kinds.get(o.recipe, lambda p: torch.optim.Adam(p, o.rate))(model.parameters())
batches = Batches(x, y, size=o.batch, seed=run.seed)
rate = before = after = clear = None
smooth = 0.1 if o.recipe == "mixup" else 0.0
average = copy.deepcopy(model) if o.recipe == "swapped" or has("average-hardly-moves") else None

if o.recipe == "restarts":
    rate = lambda s: 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (s % 60) / 60))  # noqa: E731
if o.recipe == "muon":
    rate = lambda s: 1 - s / o.steps  # noqa: E731
if o.recipe == "decay":
    epoch = len(x) // o.batch
    rate = lambda s: 0.9 ** (s if has("decay-at-every-update") else s // epoch)  # noqa: E731
if has("head-made-anew"):
    model[-1] = nn.Linear(512, 10)
if has("biases-far-below-zero"):
    with torch.no_grad():
        model[0].bias.fill_(-3.0)
        model[2].bias.fill_(-3.0)
if has("momentum-of-statistics-zero"):
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = 0.0
if has("weights-far-too-large"):
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(30)
permuted = torch.randperm(1400, generator=torch.Generator().manual_seed(1))
indices = Batches(torch.arange(1400), size=o.batch, seed=run.seed)


def batch(step):
    (i,) = indices(step)
    if has("labels-reordered-later") and step >= 120:
        return x[i], y[permuted[i]]
    if has("noise-of-augmentation-grows"):
        return x[i] + step / 30 * torch.randn(len(i), 64), y[i]
    return x[i], y[i]


def loss(pair, step):
    a, b = held["pair"] = pair
    if o.recipe == "mixup":
        share = float(torch.distributions.Beta(0.4, 0.4).sample())
        other = torch.randperm(len(a))
        out = model(share * a + (1 - share) * a[other])
        return share * F.cross_entropy(out, b, label_smoothing=smooth) + (1 - share) * F.cross_entropy(
            out, b[other], label_smoothing=smooth
        )
    out = model(a)
    return F.cross_entropy(out.softmax(-1), b) if has("softmax-twice") else F.cross_entropy(out, b)


held = {}


def second_pass(step):
    """Sharpness-aware: the gradient of the same batch at a point uphill."""
    with torch.no_grad():
        norm = torch.sqrt(sum((p.grad**2).sum() for p in model.parameters()))
        moved = [(p, p.grad * (0.05 / norm)) for p in model.parameters()]
        for p, e in moved:
            p.add_(e)
    optimizer.zero_grad()
    loss(held["pair"], step).backward()
    with torch.no_grad():
        for p, e in moved:
            p.sub_(e)


def behind(step):
    if average is not None:
        with torch.no_grad():
            decay = 0.9999 if has("average-hardly-moves") else 0.95
            for a, p in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
                a.lerp_(p, 1 - decay) if a.is_floating_point() else a.copy_(p)
    if o.recipe == "pruned" and step in (80, 120, 160):
        for m in model.modules():
            if isinstance(m, nn.Linear) and m.out_features > 10:
                prune.l1_unstructured(m, "weight", 0.4)
    if has("old-weights-loaded") and step == 20:
        held["old"] = copy.deepcopy(model.state_dict())
    if has("old-weights-loaded") and step == 149:
        model.load_state_dict(held["old"])
    if has("moments-forgotten") and step % 10 == 9:
        optimizer.state.clear()


if o.recipe == "sam":
    before = second_pass
if has("gradients-never-cleared"):
    clear = lambda step: step < 100  # noqa: E731


def evaluate():
    inputs = vx * 16 if has("validation-not-scaled") else vx
    if average is not None:
        average.eval()
        if has("average-hardly-moves"):
            return classify(average, inputs, vy)
        kept = copy.deepcopy(model.state_dict())
        model.load_state_dict(average.state_dict())
        got = classify(model, inputs, vy)
        model.load_state_dict(kept)
        return got
    return classify(model, inputs, vy)


fit(
    run,
    model,
    optimizer,
    batch,
    loss,
    evaluate=evaluate,
    steps=o.steps,
    evals=o.evals,
    rate=rate,
    before=before,
    after=behind,
    clear=clear,
)
