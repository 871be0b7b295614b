"""A GRU learns text character by character. A job may do 350 updates; a second one goes on."""

import argparse
import csv
import math
import random
from pathlib import Path

import torch
from torch import nn

import newllm

TOTAL, PER_JOB, BATCH, LENGTH = 700, 350, 12, 32


def make_text(n, seed):
    letters = random.Random(42)
    lexicon = [
        "".join(letters.choice("kstnrmlpd") + letters.choice("aeiou") for _ in range(k)) for k in [1, 2, 2, 3, 4] * 30
    ]
    rng = random.Random(seed)
    follows = {word: letters.sample(lexicon, 4) for word in lexicon}
    words = ["ka"]
    while sum(map(len, words)) + len(words) < n:
        words.append(rng.choice(follows.get(words[-1], lexicon)))
    return " ".join(words)


class CharModel(nn.Module):
    """One layer."""

    def __init__(self, symbols):
        super().__init__()
        self.embedding = nn.Embedding(symbols, 24)
        self.gru = nn.GRU(24, 64, batch_first=True)
        self.output = nn.Linear(64, symbols)

    def forward(self, x):
        """The logits of the next characters."""
        return self.output(self.gru(self.embedding(x))[0])


def schedule(step):
    if step < 20:
        return (step + 1) / 20
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - 20) / (TOTAL - 20)))


def cut(ids, generator):
    starts = torch.randint(0, len(ids) - LENGTH - 1, (BATCH,), generator=generator)
    rows = torch.stack([ids[s : s + LENGTH + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


def job(first, last, args, train, val, symbols):
    model = CharModel(symbols)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    checkpoint = args.out / "checkpoint.pt"
    if first:
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        if args.sound:
            optimizer.load_state_dict(state["optimizer"])
            scheduler.load_state_dict(state["scheduler"])
    criterion = nn.CrossEntropyLoss()
    with (
        (args.out / "log.csv").open("a" if first else "w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording", resumed_at=first or None) as recorder,
    ):
        log = csv.writer(file)
        if not first:
            log.writerow(["step", "loss", "lr", "val_loss"])
        for step in range(first, last):
            x, y = cut(train, torch.Generator().manual_seed(1000 + step))
            loss = criterion(model(x).transpose(1, 2), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            lr = scheduler.get_last_lr()[0]
            scheduler.step()
            recorder.step(loss)
            val_loss = ""
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    x, y = val
                    val_loss = criterion(model(x).transpose(1, 2), y).item()
                model.train()
                recorder.validation(val_loss)
            log.writerow([step, round(loss.item(), 5), lr, val_loss])
        recorder.flush()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, checkpoint)
    print("after job: validation", val_loss)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    args.out.mkdir(parents=True, exist_ok=True)
    text, held_out = make_text(60_000, 1), make_text(8_000, 2)
    characters = sorted(set(text))
    ids = torch.tensor([characters.index(c) for c in text])
    rows = torch.tensor([characters.index(c) for c in held_out])[: 150 * (LENGTH + 1)].view(150, LENGTH + 1)
    val = rows[:, :-1], rows[:, 1:]
    for first in range(0, TOTAL, PER_JOB):
        job(first, first + PER_JOB, args, ids, val, len(characters))


if __name__ == "__main__":
    main()
