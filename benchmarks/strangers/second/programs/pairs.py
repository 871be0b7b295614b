"""Preferences: a policy against its reference on pairs, and a model of rewards."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, grad_norm, set_rate

TOKENS, LENGTH = 24, 14


class Net(nn.Module):
    """A small recurrent language model with a head for a reward."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(TOKENS, 32), nn.GRU(32, 48, batch_first=True)
        self.head, self.reward = nn.Linear(48, TOKENS), nn.Linear(48, 1)

    def log_likelihood(self, x: torch.Tensor) -> torch.Tensor:
        out = self.head(self.rnn(self.embedding(x[:, :-1]))[0]).log_softmax(-1)
        return out.gather(2, x[:, 1:, None])[..., 0].sum(1)

    def score(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        h = self.rnn(self.embedding(x))[0]
        return self.reward(h[torch.arange(len(x)), lengths - 1])[:, 0]


def answers(count: int, share: float) -> torch.Tensor:
    """Return sequences of which a share of the tokens is liked (1 to 8)."""
    liked = torch.rand(count, LENGTH) < share
    return torch.where(liked, torch.randint(1, 9, (count, LENGTH)), torch.randint(9, TOKENS, (count, LENGTH)))


def train(o: Options) -> None:
    gap = o.get("gap", 0.12)
    data = [(answers(600, 0.45 + gap), answers(600, 0.45 - gap)), (answers(150, 0.45 + gap), answers(150, 0.45 - gap))]
    (_preferences if o.get("task", "dpo") == "dpo" else _rewards)(o, *data)
    o.log.close()


def _preferences(o: Options, data: tuple[torch.Tensor, ...], held: tuple[torch.Tensor, ...]) -> None:
    steps, beta = o.get("steps", 240), o.get("beta", 0.1)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(60):
        x = answers(32, 0.45)
        optimizer.zero_grad()
        (-model.log_likelihood(x).mean()).backward()
        optimizer.step()
    reference = model if o.fault == "reference model is the policy" else copy.deepcopy(model)
    top = o.get("lr", 5e-4) * o.if_fault("policy runs away from its reference", 60, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=top)
    for step in range(steps):
        rate = cosine(step, steps, top, 10, 0.0)
        set_rate(optimizer, rate)
        i = torch.randint(0, len(data[0]), (16,))
        shown = _step(o, model, reference, data[0][i], data[1][i], beta)
        optimizer.zero_grad()
        shown["loss"].backward()
        norm = grad_norm(model)
        optimizer.step()
        if step % o.get("every", 4) == 0:
            o.log.row(step=step, loss=shown["loss"], grad_norm=norm, learning_rate=rate, **{
                k: v.detach() for k, v in shown.items() if k != "loss"
            })  # fmt: skip
        if step % 40 == 39 and o.get("evaluates", True):
            with torch.no_grad():
                val = _step(o, model, reference, held[0], held[1], beta)
            o.log.row(
                step=step,
                **{f"eval_{k}": v for k, v in val.items() if k in ("loss", "rewards/accuracies", "rewards/margins")},
            )


def _step(
    o: Options, model: Net, reference: Net, good: torch.Tensor, bad: torch.Tensor, beta: float
) -> dict[str, torch.Tensor]:
    if o.fault == "preference pairs mixed up":
        swap = torch.rand(len(good)) < 0.5
        good, bad = torch.where(swap[:, None], bad, good), torch.where(swap[:, None], good, bad)
    a, b = model.log_likelihood(good), model.log_likelihood(bad)
    if o.fault == "reference model is the policy":
        ra, rb = a.detach(), b.detach()
    else:
        with torch.no_grad():
            ra, rb = reference.log_likelihood(good), reference.log_likelihood(bad)
    if o.fault == "reference of other pairs":
        order = torch.randperm(len(ra))
        ra, rb = ra[order], rb[torch.randperm(len(rb))]
    wins, loses = beta * (a - ra), beta * (b - rb)
    return {
        "loss": -F.logsigmoid(wins - loses).mean(), "rewards/chosen": wins.mean(), "rewards/rejected": loses.mean(),
        "rewards/accuracies": (wins > loses).float().mean(), "rewards/margins": (wins - loses).mean(),
        "logps/chosen": a.mean(), "logps/rejected": b.mean(),
    }  # fmt: skip


def _rewards(o: Options, data: tuple[torch.Tensor, ...], held: tuple[torch.Tensor, ...]) -> None:
    steps = o.get("steps", 400)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=o.get("lr", 2e-3))

    def compare(good: torch.Tensor, bad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores = []
        for x in (good, bad):
            lengths = torch.full((len(x),), LENGTH)
            x = torch.cat([x, torch.zeros(len(x), 20, dtype=torch.long)], 1)
            if o.fault == "reward read from the padding":
                lengths = torch.full((len(x),), x.shape[1])
            if o.fault == "reward read at the first token":
                x = torch.cat([torch.zeros_like(x[:, :1]), x], 1)
                lengths = torch.ones_like(lengths)
            scores.append(model.score(x, lengths))
        return -F.logsigmoid(scores[0] - scores[1]).mean(), (scores[0] > scores[1]).float().mean()

    for step in range(steps):
        i = torch.randint(0, len(data[0]), (16,))
        loss, right = compare(data[0][i], data[1][i])
        optimizer.zero_grad()
        loss.backward()
        norm = grad_norm(model)
        optimizer.step()
        if step % o.get("every", 5) == 0:
            o.log.row(step=step, loss=loss, acc=right, **({"grad_norm": norm} if "norm" in o.get("shows", ()) else {}))
        if step % 50 == 49:
            with torch.no_grad():
                val, good = compare(*held)
            o.log.row(step=step, eval_loss=float(val), eval_acc=float(good))
