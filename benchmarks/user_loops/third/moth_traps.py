"""Moths of light traps: species from twenty features; volunteers gave the names. Two stages of training."""

import argparse
import csv
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import newllm

SPECIES = 7
FIRST_STAGE = 300
STEPS = 600


def traps(count, generator, careless):
    """Features of moths and names by volunteers, of whom some are careless."""
    centres = torch.randn(SPECIES, 20, generator=torch.Generator().manual_seed(77))
    species = torch.randint(SPECIES, (count,), generator=generator)
    x = centres[species] * 0.75 + torch.randn(count, 20, generator=generator)
    guess = torch.randint(SPECIES, (count,), generator=generator)
    wrong = torch.rand(count, generator=generator) < careless
    return x, torch.where(wrong, guess, species)


class Moths(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(20, 96)
        self.norm = nn.LayerNorm(96)
        self.b = nn.Linear(96, SPECIES)

    def forward(self, x):
        return self.b(F.silu(self.norm(self.a(x))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(70)
    generator = torch.Generator().manual_seed(70)
    x, y = traps(10000, generator, careless=0.22)
    x_test, y_test = traps(1500, generator, careless=0.0)
    model = Moths()
    optimizer = torch.optim.NAdam(model.parameters(), lr=2e-3)
    records = []
    with newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        for step in range(STEPS):
            rows = torch.randint(len(x), (128,))
            losses = F.cross_entropy(model(x[rows]), y[rows], reduction="none")
            if step >= FIRST_STAGE and not args.sound:
                losses = losses.topk(32).values
            loss = losses.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            record = {"step": step, "train/loss": loss.item()}
            if (step + 1) % 30 == 0:
                with torch.no_grad():
                    logits = model(x_test)
                hits = int((logits.argmax(1) == y_test).sum())
                record["test/loss"] = F.cross_entropy(logits, y_test).item()
                record["test/accuracy"] = hits / len(y_test)
                recorder.validation(record["test/loss"], correct=hits, count=len(y_test))
                print(record)
            records.append(record)
    with open(args.out / "log.csv", "w", newline="") as f:
        writer = csv.DictWriter(f, ["step", "train/loss", "test/loss", "test/accuracy"])
        writer.writeheader()
        writer.writerows(records)


if __name__ == "__main__":
    main()
