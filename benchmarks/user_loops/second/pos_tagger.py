"""Tags for the words of invented sentences: an embedding and a GRU in both directions, sentences padded with zeros."""

import argparse
import csv
import random
from pathlib import Path

import torch
from torch import nn

import newllm

TAGS = 6  # five tags; 0 fills up a sentence
WORDS = 200
LONGEST = 32


def sentence(rng):
    """Words can have two tags; the tag of the word before decides."""
    length = min(LONGEST, 3 + int(rng.expovariate(0.15)))
    words, tags, before = [], [], 1
    for _ in range(length):
        word = rng.randrange(1, WORDS)
        tag = 1 + (word % 5 if before % 2 else word * 7 % 11 % 5)
        if rng.random() < 0.12:
            tag = rng.randrange(1, TAGS)
        words.append(word)
        tags.append(tag)
        before = tag
    fill = [0] * (LONGEST - length)
    return words + fill, tags + fill


def batch(count, rng):
    words, tags = zip(*(sentence(rng) for _ in range(count)), strict=True)
    return torch.tensor(words), torch.tensor(tags)


class Tagger(nn.Module):
    """An embedding, a GRU in both directions and a linear layer."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 32, padding_idx=0)
        self.gru = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, TAGS)

    def forward(self, words):
        """Give the scores of the tags of each word."""
        return self.out(self.gru(self.embed(words))[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(6)
    rng = random.Random(6)
    x_val, y_val = batch(300, rng)
    counted = y_val > 0 if args.sound else torch.ones_like(y_val, dtype=torch.bool)
    criterion = nn.CrossEntropyLoss(ignore_index=0) if args.sound else nn.CrossEntropyLoss()
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    rows = [["step", "loss", "val_loss", "val_token_accuracy"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(450):
            x, y = batch(16, rng)
            loss = criterion(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            rows.append([step, loss.item(), "", ""])
            if (step + 1) % 50 == 0:
                with torch.no_grad():
                    out = model(x_val)
                right = (out.argmax(2) == y_val)[counted]
                val_loss = criterion(out.flatten(0, 1), y_val.flatten()).item()
                recorder.validation(val_loss, correct=right.sum().item(), count=right.numel())
                rows[-1][2:] = [val_loss, right.float().mean().item()]
                print(rows[-1])
    torch.save(model.state_dict(), args.out / "model.pt")
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
