"""Letters of invented verse: a GRU that first sees short pieces and later longer ones, as planned."""

import argparse
import csv
import random
from pathlib import Path

import torch
from torch import nn

import newllm

LENGTHS = {0: 12, 200: 24, 400: 48}
STEPS = 600


def verse(count, rng):
    syllables = ["la", "mi", "ro", "ten", "sor", "bel", "an", "du", "fi", "kor", "ne", "su", "tal", "vey"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(60)]
    lines = []
    for _ in range(count):
        first = rng.choice(words)
        lines.append(f"{first} {rng.choice(words[:20])} {rng.choice(words)} {first}.\n")
    return "".join(lines)


class LetterModel(nn.Module):
    """An embedding, a GRU and a linear layer."""

    def __init__(self, letters):
        super().__init__()
        self.embed = nn.Embedding(letters, 32)
        self.gru = nn.GRU(32, 96, batch_first=True)
        self.out = nn.Linear(96, letters)

    def forward(self, x):
        """Give the scores of the next letter at each place."""
        return self.out(self.gru(self.embed(x))[0])


def pieces(text, count, length):
    start = torch.randint(len(text) - length - 1, (count, 1))
    piece = text[start + torch.arange(length + 1)]
    return piece[:, :-1], piece[:, 1:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(23)
    raw = verse(4000, random.Random(23))
    alphabet = sorted(set(raw))
    text = torch.tensor([alphabet.index(letter) for letter in raw])
    train, val = text[:-8000], text[-8000:]
    x_val, y_val = pieces(val, 64, 48)
    model = LetterModel(len(alphabet))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    rows = [["step", "length", "loss", "val_loss"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(STEPS):
            if step in LENGTHS:
                length = LENGTHS[step]
                recorder.note(step, f"pieces of {length} letters")
            x, y = pieces(train, 384 // length, length)
            loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recorder.step(loss)
            rows.append([step, length, loss.item(), ""])
            if step % 50 == 49:
                with torch.no_grad():
                    rows[-1][3] = nn.functional.cross_entropy(model(x_val).flatten(0, 1), y_val.flatten()).item()
                recorder.validation(rows[-1][3])
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
