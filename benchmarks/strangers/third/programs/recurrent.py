"""Recurrent networks: the adding problem, a time series to forecast, sequences to classify."""

import math
import time

import torch
import torch.nn.functional as F
from common import gradient_norm, start
from styles import style
from torch import nn


class Net(nn.Module):
    """An LSTM, GRU or plain network and a linear layer."""

    def __init__(self, run, inputs, outputs):
        super().__init__()
        width, kind = run.get("width", 32), run.get("cell", "LSTM")
        self.cell = getattr(nn, kind)(inputs, width, batch_first=True)
        self.head = nn.Linear(width, outputs)
        if run.has("recurrence-too-strong"):
            nn.init.normal_(self.cell.weight_hh_l0, std=2.5 / math.sqrt(width))
        if kind == "LSTM" and run.get("task", "adding") == "adding":
            nn.init.constant_(self.cell.bias_hh_l0[width : 2 * width], 1.0)

    def forward(self, x, state=None):
        hidden, state = self.cell(x, state)
        return hidden, state


def adding(draw, count, length):
    """The adding problem: the sum of the two marked numbers."""
    values = torch.rand(count, length, generator=draw)
    marks = torch.zeros(count, length)
    first = torch.randint(0, length // 2, (count,), generator=draw)
    second = torch.randint(length // 2, length, (count,), generator=draw)
    rows = torch.arange(count)
    marks[rows, first] = 1
    marks[rows, second] = 1
    return torch.stack([values, marks], -1), values[rows, first] + values[rows, second]


def series(run):
    """A demand by the hour: day, week, trend and noise."""
    draw = torch.Generator().manual_seed(run.seed)
    hours = torch.arange(3000.0)
    value = torch.sin(hours * 2 * math.pi / 24) + 0.5 * torch.sin(hours * 2 * math.pi / 168) + hours / 3000
    value = value + 0.2 * torch.randn(len(hours), generator=draw)
    if run.has("series-not-scaled"):
        value = value * 4000 + 20_000
    return value


def forecast_batch(run, value, low, high, count, length, draw):
    """Windows of the series, and the value after each."""
    at = torch.randint(low, high - length - 1, (count,), generator=draw)
    x = torch.stack([value[a : a + length] for a in at]).unsqueeze(-1)
    ahead = 0 if run.has("target-is-in-the-input") else 1
    y = torch.stack([value[a + length - 1 + ahead] for a in at])
    if run.has("targets-by-another-window"):
        y = y.roll(1)
    return x, y


def main():
    """The loop."""
    run = start()
    task, total, batch = run.get("task", "adding"), run.get("steps", 600), run.get("batch", 32)
    length = run.get("length", 20)
    draw = torch.Generator().manual_seed(run.seed)
    value = series(run) if task == "forecast" else None
    model = Net(run, 2 if task == "adding" else 1, 1)
    rate = run.get("lr", 5e-3) * (30 if run.has("rate-too-high") else 1)
    if run.get("opt", "adam") == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    log, every = style(run, total, run.get("per_epoch", 0)), run.get("every", 20)
    state, kept, per_epoch = None, [], run.get("per_epoch", 0) or total

    def make(step):
        if task == "adding":
            return adding(draw, batch, length)
        return forecast_batch(run, value, 0, 2400, batch, length, draw)

    begin = time.time()
    with run.recorder(model, optimizer) as recorder:
        for step in range(total):
            x, y = make(step)
            optimizer.zero_grad()
            hidden, after = model(x, state)
            out = model.head(hidden[:, -1])
            if run.has("state-kept-over-batches"):  # of sequences that have nothing to do with one another
                state = tuple(s.detach() for s in after) if isinstance(after, tuple) else after.detach()
            target = y.unsqueeze(-1) if not run.has("shapes-broadcast") else y
            loss = F.mse_loss(out, target)
            if run.get("pairs", 0) and step % 12 == 5:  # keeps the states of a random pair apart or together
                one, two = torch.randint(0, batch, (2,), generator=draw)
                squares = (hidden[one, -1] - hidden[two, -1]).square().sum()
                loss = loss + 0.001 * (squares if run.has("root-of-zero") else squares + 1e-12).sqrt()
            if run.has("history-recomputed"):  # a metric over everything since the start, in each step
                kept.append(hidden[:, -1].detach().flatten())
                spread = torch.cat(kept).sort().values.diff().max()
                assert spread >= 0
            loss.backward()
            clip = run.get("clip", 1.0)
            norm = gradient_norm(model.parameters())
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            recorder.step(loss)
            if step % every == 0:
                extra = {"grad_norm": norm} if run.get("show_norm", 0) else {}
                if run.get("show_time", 0):
                    extra["sec_per_step"], begin = (time.time() - begin) / every, time.time()
                log.step(step, step // per_epoch, loss=float(loss.detach()), **extra)
            if (step + 1) % run.get("evals", 100) == 0:
                model.eval()
                with torch.no_grad():
                    other = torch.Generator().manual_seed(9)
                    if task == "adding":
                        vx, vy = adding(other, 200, length)
                    else:
                        vx, vy = forecast_batch(run, value, 2400, 3000, 200, length, other)
                    guess = model.head(model(vx)[0][:, -1])
                    val = float(F.mse_loss(guess, vy.unsqueeze(-1)))
                model.train()
                recorder.validation(val)
                log.evaluation(step, step // per_epoch, val_loss=val)


if __name__ == "__main__":
    main()
