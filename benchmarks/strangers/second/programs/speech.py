"""Speech-like recognition: frames that repeat symbols, a recurrent encoder, a CTC loss, an error rate."""

import random

import torch
import torch.nn.functional as F
from torch import nn

from .common import Options, cosine, set_rate

SYMBOLS, WIDTH = 9, 12


class Net(nn.Module):
    """A convolution that may thin out time, and a GRU."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(WIDTH, 32, 3, stride, 1)
        self.gru = nn.GRU(32, 40, batch_first=True, bidirectional=True)
        self.out = nn.Linear(80, SYMBOLS + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv(x.transpose(1, 2)).relu().transpose(1, 2)
        return self.out(self.gru(h)[0]).log_softmax(-1)


def utterances(
    count: int, sounds: torch.Tensor, noise: float, shortest: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    result = []
    for _ in range(count):
        y = [random.randint(1, SYMBOLS) for _ in range(random.randint(3, 6))]
        frames = [s for s in y for _ in range(random.randint(shortest, shortest + 2))]
        x = sounds[torch.tensor(frames)] + noise * torch.randn(len(frames), WIDTH)
        result.append((x, torch.tensor(y)))
    return result


def distance(a: list[int], b: list[int]) -> int:
    row = list(range(len(b) + 1))
    for i, s in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, t in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (s != t))
    return row[-1]


def decode(path: list[int], blank: int) -> list[int]:
    return [s for k, s in enumerate(path) if s != blank and (k == 0 or path[k - 1] != s)]


def pad(items: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, ...]:
    longest = max(len(x) for x, _ in items)
    x = torch.stack([F.pad(x, (0, 0, 0, longest - len(x))) for x, _ in items])
    return (
        x,
        torch.cat([y for _, y in items]),
        torch.tensor([len(x) for x, _ in items]),
        torch.tensor([len(y) for _, y in items]),
    )


def train(o: Options) -> None:
    steps, at = o.get("steps", 500), o.get("at", 0)
    sounds = torch.randn(SYMBOLS + 1, WIDTH)
    data = utterances(o.get("count", 600), sounds, o.get("noise", 0.5), o.get("shortest", 3))
    held = utterances(48, sounds, o.get("noise", 0.5), o.get("shortest", 3))
    stride = o.if_fault("outputs shorter than targets", 4, o.get("stride", 1))
    model = Net(stride)
    top = o.get("lr", 3e-3)
    optimizer = torch.optim.Adam(model.parameters(), lr=top)
    if o.get("by_length", False):
        data.sort(key=lambda item: len(item[0]))
    for step in range(steps):
        set_rate(optimizer, cosine(step, steps, top, 30))
        items = random.sample(data, 12)
        x, y, lengths, counts = pad(items)
        if o.fault == "transcripts of the neighbours" and step >= at:
            shifted = items[1:] + items[:1]
            y, counts = torch.cat([t for _, t in shifted]), torch.tensor([len(t) for _, t in shifted])
        out = model(x)
        frames = (lengths - 1) // stride + 1
        loss = F.ctc_loss(out.transpose(0, 1), y, frames, counts, zero_infinity=o.get("zero_infinity", False))
        optimizer.zero_grad()
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), 5.0))
        if torch.isfinite(loss) or not o.get("guard", True):
            optimizer.step()
        if step % o.get("every", 10) == 0:
            shown = {"grad_norm": norm} if "norm" in o.get("shows", ()) else {}
            shown |= {"lr": optimizer.param_groups[0]["lr"]} if "lr" in o.get("shows", ()) else {}
            o.log.row(step=step, loss=loss, **shown)
        if step % o.get("every_eval", 50) == 49:
            model.eval()
            with torch.no_grad():
                x, y, lengths, counts = pad(held)
                out = model(x)
                frames = (lengths - 1) // stride + 1
                val = F.ctc_loss(out.transpose(0, 1), y, frames, counts, zero_infinity=o.get("zero_infinity", False))
                blank = o.if_fault("decoder with another blank", SYMBOLS, 0)
                wrong = sum(
                    distance(decode(out[k, : frames[k]].argmax(-1).tolist(), blank), held[k][1].tolist())
                    for k in range(len(held))
                )
            model.train()
            o.log.row(step=step, val_loss=val, val_cer=wrong / int(counts.sum()))
    o.log.close()
