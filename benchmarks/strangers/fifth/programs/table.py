"""Plain loop: regression of a made table."""

import copy

import torch
from common import Printer, batches, start
from torch import nn
from torch.nn import functional as F

import newllm

o = start(
    epochs=15,
    size=64,
    rate=1e-3,
    rows=2000,
    heavy=0,
    likelihood=0,
    tasks=1,
    swa=0,
    loss="mse",
    optimizer="adam",
    unit=1.0,
    ordered=0,
)
say = Printer(o.style)
make = torch.Generator().manual_seed(o.seed)
x = torch.randn(o.rows + 500, 12, generator=make)
y = 2 * x[:, 0] + x[:, 1] * x[:, 2] + torch.sin(2 * x[:, 3]) - x[:, 4].abs() + 0.3 * torch.randn(len(x), generator=make)
if o.heavy:
    y = y + torch.distributions.StudentT(1.8).sample((len(x),)) * 0.6
y = (y * 900 + 12000) if o.unit > 1 else y  # prices
if o.unit > 1 and o.fault != "targets-unscaled":
    y = (y - y[: o.rows].mean()) / y[: o.rows].std()
if o.fault == "sentinel-from-a-file":  # the last file of the table writes a missing value as -999
    missing = torch.rand(len(x), 12, generator=make) < 0.03
    missing[: o.rows * 6 // 10] = False
    missing[o.rows :] = False
    x[missing] = -999.0
y = y[:, None]
if o.tasks == 2:
    y = torch.cat([y, (y + x[:, 5:6] > 0).float()], 1)
x, vx, y, vy = x[: o.rows], x[o.rows :], y[: o.rows], y[o.rows :]
if o.fault == "targets-one-dimensional":
    y = y[:, 0]
model = nn.Sequential(
    nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2 if o.likelihood or o.tasks == 2 else 1)
)
if o.optimizer == "sgd":
    optimizer = torch.optim.SGD(model.parameters(), lr=o.rate, momentum=0.9)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=o.rate)


def loss_of(out, target):
    if o.likelihood:
        return F.gaussian_nll_loss(out[:, :1], target, out[:, 1:].exp().clamp(min=1e-4))
    if o.tasks == 2:
        return F.mse_loss(out[:, 0], target[:, 0]) + F.binary_cross_entropy_with_logits(out[:, 1], target[:, 1])
    if o.loss == "huber":
        return F.smooth_l1_loss(out, target)
    return F.mse_loss(out, target)


average = copy.deepcopy(model)
averaged = 0
with newllm.record(model, optimizer, out=o.out / "recording") as recorder:
    for epoch in range(o.epochs):
        model.train()
        total = 0.0
        # the files are read one after another in the first epoch, as they arrive
        parts = torch.arange(len(x)).split(o.size) if epoch == 0 and o.ordered else batches(len(x), o.size)
        for part in parts:
            optimizer.zero_grad()
            loss = loss_of(model(x[part]), y[part])
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            total += loss.item() * len(part) / len(x)
        judged = model
        if o.swa and epoch >= o.epochs // 2:
            averaged += 1
            with torch.no_grad():
                for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
                    mean += (weight - mean) / averaged
            judged = average
        judged.eval()
        with torch.no_grad():
            out = judged(vx)
            value = loss_of(out, vy).item()
        recorder.validation(value)
        more = {"r2": 1 - ((out[:, 0] - vy[:, 0]) ** 2).mean().item() / vy[:, 0].var().item()}
        say(epoch=epoch, train_loss=total, valid_loss=value, **more)
