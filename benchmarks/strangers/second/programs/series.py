"""Forecasts of time series by recurrent networks; models that read their own outputs."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, set_rate


def waves(count: int, length: int, level: float = 0.0) -> torch.Tensor:
    t = torch.arange(length)[None] + 100 * torch.rand(count, 1)
    period = 8 + 16 * torch.rand(count, 1)
    season = (6.283 * t / period).sin() + 0.5 * (6.283 * t / 7).sin()
    return season + level + 0.15 * torch.randn(count, length) + 0.01 * t * torch.randn(count, 1)


class Net(nn.Module):
    """A GRU, or a plain recurrence with weights that may be too large."""

    def __init__(self, width: int, gain: float) -> None:
        super().__init__()
        self.rnn: Any = nn.GRU(1, width, batch_first=True)
        if gain:
            self.rnn = nn.RNN(1, width, batch_first=True, nonlinearity="relu")
            with torch.no_grad():
                weight: Any = self.rnn.weight_hh_l0
                weight.copy_(gain * torch.linalg.qr(torch.randn(width, width))[0])
        self.out = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        h, state = self.rnn(x[..., None], state)
        return self.out(h)[..., 0], state


def train(o: Options) -> None:
    steps, at, length = o.get("steps", 500), o.get("at", 0), o.get("length", 40)
    data, held = waves(o.get("count", 400), length + 1), waves(100, length + 1)
    if o.fault == "validation beyond the range":
        held = held + 4.0
    if o.get("difference", False):
        data, held = data.diff(dim=1), held.diff(dim=1)
    model = Net(32, o.if_fault("recurrent state explodes", 1.18, o.get("gain", 0.0)))
    top = o.get("lr", 3e-3)
    optimizer = torch.optim.Adam(model.parameters(), lr=top)
    state = None
    shift = 1 - o.if_fault("target not shifted", 1, 0)
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 20))
        i = torch.randint(0, len(data), (16,))
        x = data[i]
        if o.fault == "sensor fails" and step >= at and torch.rand(()) < 0.15:
            x = x * 0 + o.get("stuck", 40.0)
        if o.fault == "unit changes in the stream" and step >= at:
            x = x * o.get("unit", 10.0)
        before = state if o.fault == "state of other series kept" and state is not None else None
        end = x.shape[1] - 1 + (1 - shift)
        out, state = model(x[:, :end], before)
        state = state.detach()
        loss = F.mse_loss(out, x[:, shift : end + shift])
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), o.get("clip", 1e9))
        optimizer.step()
        if step % o.get("every", 5) == 0:
            shown = {"grad_norm": norm} if "norm" in o.get("shows", ("norm",)) else {}
            o.log.row(step=step, loss=loss, **shown)
        if step % o.get("every_eval", 50) == 49:
            o.log.row(step=step, val_loss=evaluate(o, model, held, shift))
    o.log.close()


def evaluate(o: Options, model: Net, held: torch.Tensor, shift: int) -> float:
    with torch.no_grad():
        if o.fault == "evaluated on its own outputs":
            half = held.shape[1] // 2
            out, state = model(held[:, :half])
            guess, losses = out[:, -1:], []
            for k in range(half, held.shape[1]):
                losses.append(F.mse_loss(guess[:, 0], held[:, k]))
                guess, state = model(guess, state)
            return float(torch.stack(losses).mean())
        end = held.shape[1] - 1 + (1 - shift)
        return float(F.mse_loss(model(held[:, :end])[0], held[:, shift : end + shift]))
