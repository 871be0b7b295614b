"""Rewrites dates such as "3 march 1987" as "1987-03-03", letter by letter, with nn.Transformer."""
import argparse
import csv
import random
from pathlib import Path

import torch
from torch import nn

import newllm

MONTHS = "january february march april may june july august september october november december".split()
LETTERS = ["<pad>", "<go>"] + sorted(set("".join(MONTHS) + "0123456789-, "))
CODE = {c: i for i, c in enumerate(LETTERS)}
PAD, GO = 0, 1


def example(rng):
    day, month, year = rng.randint(1, 28), rng.randrange(12), rng.randint(1900, 2029)
    written = rng.choice(["{d} {m} {y}", "{m} {d}, {y}", "{d}-{m}-{y}"]).format(d=day, m=MONTHS[month], y=year)
    return [CODE[c] for c in written], [CODE[c] for c in f"{year}-{month + 1:02d}-{day:02d}"]


def batch(pairs):
    longest = max(len(s) for s, _ in pairs)
    source = torch.tensor([s + [PAD] * (longest - len(s)) for s, _ in pairs])
    target = torch.tensor([t for _, t in pairs])
    return source, torch.cat([torch.full((len(target), 1), GO), target[:, :-1]], dim=1), target


class Rewriter(nn.Module):
    def __init__(self, causal, d=48):
        super().__init__()
        self.causal = causal
        self.embed = nn.Embedding(len(LETTERS), d, padding_idx=PAD)
        self.place = nn.Embedding(32, d)
        self.transformer = nn.Transformer(d, 4, 1, 1, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.out = nn.Linear(d, len(LETTERS))

    def put(self, ids):
        return self.embed(ids) + self.place.weight[: ids.shape[1]]

    def forward(self, source, previous):
        padding = source == PAD
        mask = nn.Transformer.generate_square_subsequent_mask(previous.shape[1]) if self.causal else None
        hidden = self.transformer(self.put(source), self.put(previous), tgt_mask=mask,
                                  src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return self.out(hidden)


def write(model, source, length=10):
    written = torch.full((len(source), 1), GO)
    for _ in range(length):
        nxt = model(source, written)[:, -1].argmax(1, keepdim=True)
        written = torch.cat([written, nxt], dim=1)
    return written[:, 1:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--steps", type=int, default=600)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    valid = batch([example(rng) for _ in range(100)])

    model = Rewriter(causal=args.sound)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=args.steps, pct_start=0.15)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, \
            newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        log = csv.writer(f)
        log.writerow(["step", "loss", "val_loss", "val_letters_right", "val_dates_right", "lr"])
        for step in range(1, args.steps + 1):
            source, previous, target = batch([example(rng) for _ in range(32)])
            loss = nn.functional.cross_entropy(model(source, previous).flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recorder.step(loss)
            schedule.step()
            row = [step, loss.item(), "", "", "", schedule.get_last_lr()[0]]
            if step % 60 == 0:
                source, previous, target = valid
                model.eval()
                with torch.no_grad():
                    scores = model(source, previous)
                    row[2] = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten()).item()
                    right = (scores.argmax(-1) == target).sum().item()
                    row[3] = right / target.numel()
                    row[4] = (write(model, source) == target).all(1).float().mean().item()
                model.train()
                recorder.validation(row[2], correct=right, count=target.numel())
                recorder.metrics({"dates_right": row[4]})
            log.writerow(row)


if __name__ == "__main__":
    main()
