"""Which of four brackets is still open at the end of a short text: an LSTM over its characters."""

import argparse
import csv
import random
from pathlib import Path

import torch
from torch import nn

import newllm

OPEN, CLOSE = "([{<", ")]}>"
SYMBOLS = "._abc" + OPEN + CLOSE
LENGTH = 16


def text(rng):
    """Brackets that open and close one after another; the last one stays open."""
    out = []
    last = rng.randrange(4)
    while len(out) < LENGTH - 5:
        b = rng.randrange(4)
        out += [OPEN[b], rng.choice("._abc"), CLOSE[b]]
    out = out[: 3 * ((LENGTH - 5) // 3)] + [OPEN[last]]
    out += [rng.choice("._abc") for _ in range(LENGTH - len(out))]
    return [SYMBOLS.index(c) for c in out], last


def dataset(n, seed):
    rng = random.Random(seed)
    pairs = [text(rng) for _ in range(n)]
    return torch.tensor([p[0] for p in pairs]), torch.tensor([p[1] for p in pairs])


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(SYMBOLS), 16)
        self.lstm = nn.LSTM(16, 40, batch_first=True)
        self.answer = nn.Linear(40, 4)

    def forward(self, x):
        states, _ = self.lstm(self.embed(x))
        return self.answer(states[:, -1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    clip = 1.0 if args.sound else 0.01
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(14)
    x, y = dataset(6000, 1)
    x_val, y_val = dataset(800, 2)
    model = Reader()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    lines = [("step", "loss", "val_loss", "val_acc")]
    with newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        for step in range(600):
            rows = torch.randint(len(x), (48,))
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            recorder.step(loss)
            val_loss = val_acc = ""
            if step % 50 == 49:
                with torch.no_grad():
                    logits = model(x_val)
                val_loss = nn.functional.cross_entropy(logits, y_val).item()
                hits = (logits.argmax(-1) == y_val).sum().item()
                val_acc = hits / len(y_val)
                recorder.validation(val_loss, correct=hits, count=len(y_val))
                print(step, loss.item(), val_loss, val_acc)
            lines.append((step, loss.item(), val_loss, val_acc))
    with open(args.out / "log.csv", "w", newline="") as f:
        csv.writer(f).writerows(lines)


if __name__ == "__main__":
    main()
