"""Plain loop: embeddings of two views of a digit, by InfoNCE, a momentum encoder, or triplets."""

import copy

import torch
from common import Printer, batches, digits, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(what="infonce", epochs=10, size=64, rate=1e-3, temperature=0.1, momentum=0.99)
say = Printer(o.style)
x, y, vx, vy = digits(o.seed)
x, vx = x / 16, vx / 16


def view(x):
    """Some pixels left out, moved by one."""
    x = x.view(-1, 8, 8) * (torch.rand(len(x), 8, 8) > 0.15)
    return torch.roll(x, int(torch.randint(-1, 2, ())), dims=2).flatten(1)


model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 32))
slow = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=o.rate)


def loss_of(x, labels):
    if o.what == "triplet":
        a = F.normalize(model(x), dim=1)
        far = torch.cdist(a, a)
        same = labels[:, None] == labels[None]
        hardest = (far * same).amax(1), (far + 10 * same).amin(1)
        return F.relu(hardest[0] - hardest[1] + 0.3).mean()
    a = F.normalize(model(view(x)), dim=1)
    if o.what == "momentum":
        with torch.no_grad():
            b = F.normalize(slow(view(x)), dim=1)
    else:
        b = F.normalize(model(view(x)), dim=1)
    logits = a @ b.T
    logits = logits * o.temperature if o.fault == "temperature-multiplied" else logits / o.temperature
    return F.cross_entropy(logits, torch.arange(len(x)))


def neighbours():
    """How many held-out digits have a nearest neighbour of their class."""
    a, b = F.normalize(model(x), dim=1), F.normalize(model(vx), dim=1)
    return int((y[(b @ a.T).argmax(1)] == vy).sum())


with newllm.record(model, optimizer, out=o.out / "recording") as recorder:
    for epoch in range(o.epochs):
        total = 0.0
        parts = [p for p in batches(len(x), o.size) if len(p) == o.size]
        for part in parts:
            optimizer.zero_grad()
            loss = loss_of(x[part], y[part])
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            with torch.no_grad():
                for mean, weight in zip(slow.parameters(), model.parameters(), strict=True):
                    mean.lerp_(weight, 1 - o.momentum)
            total += loss.item() / len(parts)
        with torch.no_grad():
            model.eval()
            value = torch.stack([loss_of(vx[i : i + o.size], vy[i : i + o.size]) for i in range(0, 384, o.size)]).mean()
            right = neighbours()
            model.train()
        recorder.validation(value.item(), correct=right, count=len(vy))
        say(epoch=epoch, train_loss=total, val_loss=value.item(), knn_acc=right / len(vy))
