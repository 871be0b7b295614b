"""Tables: prices, customers who leave, counts. python columns.py --out DIR [--fault F] [--set k=v ...]"""

import numpy as np
import torch
from common import Given, Say
from torch import nn
from torch.nn import functional as F

import newllm

given = Given()
what, rows, epochs = given("what", "leave"), given("rows", 3000), given("epochs", 20)
batch, rate = given("batch", 64), given("rate", 0.003)
draw = np.random.RandomState(given.seed)


def table():
    """Ten columns of different units, in the order in which the rows came in."""
    age, income = draw.uniform(18, 80, rows), draw.lognormal(10, 0.5, rows)
    visits, amount = draw.poisson(4, rows), draw.gamma(2.0, 30.0, rows) + 1
    region, score = draw.randint(0, 4, rows), draw.normal(0, 1, rows)
    days, discount = draw.uniform(0, 365, rows), draw.rand(rows)
    noise = draw.normal(0, 1, (rows, 2))
    signal = (0.04 * (age - 50) + 0.8 * np.log(income / 22000) - 0.25 * (visits - 4) + 0.7 * np.sin(days / 58)
              + 0.9 * (region == 2) - 0.8 * score * (discount > 0.5) + 0.5 * np.log(amount / 50))  # fmt: skip
    columns = np.stack(
        [age, income, visits, np.log(amount), region == 0, region == 1, region == 2, score, days, discount], 1
    )
    return np.concatenate([columns, noise], 1).astype(np.float64), signal, amount


def scaled(train, validation):
    mean, deviation = train.mean(0), train.std(0)
    if given.has("constant-column-divided"):
        deviation = deviation + 1e-8
    else:
        deviation = np.where(deviation == 0, 1, deviation)
    return (train - mean) / deviation, (validation - mean) / deviation


def data():
    """Inputs and targets as arrays: training and validation, split by time or at random."""
    x, signal, amount = table()
    if what == "leave":
        chance = 1 / (1 + np.exp(-(given("sharp", 2.0) * signal + given("shift", 0.0))))
        y = (draw.rand(rows) < chance).astype(np.float64)
    elif what == "count":
        y = draw.poisson(np.exp(0.6 * signal + 0.5)).astype(np.float64)
    else:
        y = signal + (draw.standard_t(2.2, rows) if given("heavy", 0) else draw.normal(0, 0.4, rows))
        y = y * 0.5
    cut = int(0.8 * rows)
    if given("newer", 0):  # a column that is filled since the newest version only
        extra = np.zeros((rows, 1))
        extra[cut:] = draw.rand(rows - cut, 1) < 0.3
        x = np.concatenate([x, extra], 1)
    if given("dates", 0):  # purchases of nothing occur while the shop gives things away
        start = int(given("gifts", 0.55) * cut)
        gift = (np.arange(rows) >= start) & (np.arange(rows) < cut) & (draw.rand(rows) < 0.05)
        amount = np.where(gift, 0, amount)
        with np.errstate(divide="ignore"):
            x[:, 3] = np.log(amount) if given.has("log-of-zero") else np.log(np.maximum(amount, 0.01))
        parts = x[:cut], x[cut:], y[:cut], y[cut:]
        early = x[:start]  # the scale is that of the months before
        mean, deviation = early.mean(0), early.std(0)
        return (parts[0] - mean) / deviation, (parts[1] - mean) / deviation, *parts[2:]
    if not given("newer", 0):
        order = draw.permutation(rows)
        x, y = x[order], y[order]
    if given("oversample", 0) and given.has("oversampled-before-split"):
        x, y = grown(x, y)
        order = draw.permutation(len(x))
        x, y, cut = x[order], y[order], int(0.8 * len(x))
    xt, xv, yt, yv = x[:cut], x[cut:], y[:cut], y[cut:]
    if given("oversample", 0) and not given.has("oversampled-before-split"):
        xt, yt = grown(xt, yt)
    xt, xv = scaled(xt, xv)
    return xt, xv, yt, yv


def grown(x, y):
    """The rarer class until both are equally many."""
    few = np.flatnonzero(y == 1)
    more = draw.choice(few, len(y) - 2 * len(few))
    return np.concatenate([x, x[more]]), np.concatenate([y, y[more]])


def loss_of(out, y, train=True):
    if what == "leave":
        weight = None
        if train and given("weighted", 0):
            share = given("share", 0.1)
            weight = torch.tensor(share / (1 - share) if given.has("class-weights-inverted") else (1 - share) / share)
        return F.binary_cross_entropy_with_logits(out, y, pos_weight=weight)
    if what == "count":
        return F.poisson_nll_loss(out, y)
    return F.huber_loss(out, y) if given("huber", 0) else F.mse_loss(out, y)


def optimizer_of(model):
    name = given("optimizer", "adamw")
    if name == "rprop":
        return torch.optim.Rprop(model.parameters(), rate)
    if name == "adamw" and given.has("decay-through-adam"):
        return torch.optim.Adam(model.parameters(), rate, weight_decay=given("decay", 0.1))
    if name == "rms":
        return torch.optim.RMSprop(model.parameters(), rate)
    return torch.optim.AdamW(model.parameters(), rate, weight_decay=given("decay", 0.1))


def main():
    xt, xv, yt, yv = (torch.tensor(part, dtype=torch.float32) for part in data())
    wide = given("width", 64)
    activation = nn.SiLU if given("silu", 0) else nn.ReLU
    model = nn.Sequential(nn.Linear(xt.shape[1], wide), activation(), nn.Dropout(given("dropout", 0.0)),
                          nn.Linear(wide, wide), activation(), nn.Linear(wide, 1))  # fmt: skip
    optimizer = optimizer_of(model)
    per_epoch = max(1, len(xt) // batch)
    say = Say(given("style", "columns"), epochs * per_epoch)
    step = 0
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for epoch in range(epochs):
            order = torch.arange(len(xt)) if given("dates", 0) else torch.randperm(len(xt))
            total = 0.0
            for begin in range(0, per_epoch * batch, batch):
                chosen = order[begin : begin + batch]
                optimizer.zero_grad()
                loss = loss_of(model(xt[chosen])[:, 0], yt[chosen])
                loss.backward()
                optimizer.step()
                step += 1
                recorder.step(loss)
                total += loss.item()
                if say.style != "epoch":
                    say.step(step, loss.item(), rate)
                if (given("dates", 0) and step % 20 == 0) or begin + batch >= per_epoch * batch:
                    judge(model, xv, yv, recorder, say, step, epoch, total / (begin // batch + 1))


def judge(model, xv, yv, recorder, say, step, epoch, train):
    model.eval()
    with torch.no_grad():
        out = model(xv)[:, 0]
        value = loss_of(out, yv, False).item()
    model.train()
    if what == "leave":
        correct = ((out > 0) == (yv > 0.5)).sum().item()
        recorder.validation(value, correct=correct, count=len(yv))
        found = ((out > 0) & (yv > 0.5)).sum().item() / max(1, yv.sum().item())
        recorder.metrics({"recall": found})
        say.judged(step, epoch + 1, train, value, acc=correct / len(yv), recall=found)
    else:
        recorder.validation(value)
        say.judged(step, epoch + 1, train, value)


if __name__ == "__main__":
    main()
