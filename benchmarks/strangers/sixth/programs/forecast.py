"""Forecasts of series. python forecast.py --out DIR [--fault F] [--set k=v ...]"""

import math

import torch
from common import Given, Say
from torch import nn

import newllm

given = Given()
what, epochs, batch, rate = given("what", "mean"), given("epochs", 20), given("batch", 32), given("rate", 0.003)
PAST, NEXT = 24, 6
LEVELS = torch.tensor([0.1, 0.5, 0.9])


def series(count=40, length=260):
    t = torch.arange(length).float()
    rows = []
    for _ in range(count):
        period, phase, slope = 6 + 10 * torch.rand(1), 6.28 * torch.rand(1), 0.004 * torch.randn(1)
        noise = torch.randn(length) * given("noise", 0.2)
        rows.append(torch.sin(6.28 * t / period + phase) + slope * t + noise)
    return torch.stack(rows)


def windows(part):
    whole = part.unfold(1, PAST + NEXT, 3).reshape(-1, PAST + NEXT)
    return whole[:, :PAST], whole[:, PAST:]


class Convolution(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv1d(16, 16, 5, padding=4, dilation=2), nn.ReLU()
        )
        self.head = nn.Linear(16 * PAST, NEXT * outputs)

    def forward(self, x):
        level = x[:, -1:]
        out = self.head(self.body((x - level)[:, None]).flatten(1))
        return out.view(len(x), NEXT, -1) + level[..., None]


class Gru(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.rnn, self.head = nn.GRU(1, 32, batch_first=True), nn.Linear(32, NEXT * outputs)

    def forward(self, x):
        return self.head(self.rnn(x[..., None])[0][:, -1]).view(len(x), NEXT, -1)


def loss_of(out, y):
    if what == "quantile":
        miss = out - y[..., None] if given.has("residual-reversed") else y[..., None] - out
        return torch.maximum(LEVELS * miss, (LEVELS - 1) * miss).mean()
    if what == "likely":
        mean, spread = out[..., 0], out[..., 1].clamp(-6, 4)
        return 0.5 * (spread + (y - mean) ** 2 / spread.exp() + math.log(6.283)).mean()
    return (out[..., 0] - y).abs().mean() if given("absolute", 0) else ((out[..., 0] - y) ** 2).mean()


def main():
    data = series()
    x, y = windows(data[:, :200])
    xv, yv = windows(data[:, 200:])
    outputs = {"mean": 1, "quantile": 3, "likely": 2}[what]
    model = Gru(outputs) if given("net", "conv") == "gru" else Convolution(outputs)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    mode = "max" if given.has("plateau-mode-max") else "min"
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode, factor=0.2, patience=given("patience", 3))
    per_epoch = len(x) // batch
    say = Say(given("style", "epoch"), epochs * per_epoch, given("every", 20))
    step, value = 0, 0.0
    with newllm.record(model, optimizer, out=given.recording, **given.extra) as recorder:
        for epoch in range(epochs):
            order, total = torch.randperm(len(x)), 0.0
            for begin in range(0, per_epoch * batch, batch):
                rows = order[begin : begin + batch]
                loss = loss_of(model(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                step += 1
                recorder.step(loss)
                total += loss.item()
                if say.style != "epoch":
                    say.step(step, loss.item(), optimizer.param_groups[0]["lr"])
            model.eval()
            if not given.has("sum-not-reset"):
                value = 0.0
            with torch.no_grad():
                for a, b in zip(xv.split(64), yv.split(64), strict=True):
                    value += loss_of(model(a), b).item() * len(a) / len(xv)
            model.train()
            recorder.validation(value)
            if given("plateau", 0):
                schedule.step(value)
            say.judged(step, epoch + 1, total / per_epoch, value, lr=optimizer.param_groups[0]["lr"])


if __name__ == "__main__":
    main()
