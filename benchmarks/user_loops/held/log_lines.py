"""What a line of a server's log is about: lines of 6 to 60 signs, filled up to 60, and a GRU."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

SIGNS, LONGEST, KINDS = 40, 60, 6


def lines(n, g):
    """Each kind has four signs of its own, which appear twice or three times in a line."""
    kind = torch.randint(KINDS, (n,), generator=g)
    length = (6 + 54 * torch.rand(n, generator=g) ** 2).long()
    x = torch.randint(1, SIGNS - 4 * KINDS, (n, LONGEST), generator=g)
    own = SIGNS - 4 * KINDS + 4 * kind[:, None] + torch.randint(0, 4, (n, 3), generator=g)
    place = (torch.rand(n, 3, generator=g) * length[:, None]).long()
    x.scatter_(1, place, own)
    x[torch.arange(LONGEST)[None] >= length[:, None]] = 0
    return x, length, kind


class LineReader(nn.Module):
    def __init__(self, use_length):
        super().__init__()
        self.use_length = use_length
        self.signs = nn.Embedding(SIGNS, 16, padding_idx=0)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.out = nn.Linear(32, KINDS)

    def forward(self, x, length):
        states, _ = self.gru(self.signs(x))
        if self.use_length:
            last = states[torch.arange(len(x)), length - 1]
        else:
            last = states[:, -1]
        return self.out(last)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(23)
    g = torch.Generator().manual_seed(23)
    x, length, kind = lines(8000, g)
    x_val, length_val, kind_val = lines(600, g)
    model = LineReader(use_length=args.sound)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with (
        newllm.record(model, optimizer, args.out / "recording") as recorder,
        open(args.out / "log.csv", "w", newline="") as f,
    ):
        w = csv.writer(f)
        w.writerow(["i", "loss", "acc", "val_loss", "val_acc"])
        for i in range(450):
            pick = torch.randint(len(x), (40,))
            out = model(x[pick], length[pick])
            loss = nn.functional.cross_entropy(out, kind[pick])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recorder.step(loss)
            row = [i, loss.item(), (out.argmax(1) == kind[pick]).float().mean().item(), "", ""]
            if i % 45 == 44:
                with torch.no_grad():
                    out = model(x_val, length_val)
                hits = (out.argmax(1) == kind_val).sum().item()
                row[3:] = [nn.functional.cross_entropy(out, kind_val).item(), hits / len(kind_val)]
                recorder.validation(row[3], correct=hits, count=len(kind_val))
                print(row)
            w.writerow(row)


if __name__ == "__main__":
    main()
