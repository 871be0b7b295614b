"""Which department is a memo for? Words, an embedding and a GRU; the memos come in files."""

import argparse
import csv
import random
from pathlib import Path

import torch
from torch import nn

import newllm

TOPICS = [
    ["invoice", "payment", "refund", "account", "tax", "budget", "bank", "fee"],
    ["server", "network", "password", "login", "update", "backup", "printer", "disk"],
    ["holiday", "contract", "salary", "training", "interview", "sick", "leave", "desk"],
    ["truck", "parcel", "pallet", "route", "driver", "warehouse", "customs", "loading"],
]
COMMON = [
    "the",
    "a",
    "please",
    "we",
    "have",
    "to",
    "for",
    "about",
    "and",
    "on",
    "with",
    "last",
    "next",
    "week",
    "your",
    "our",
]
FILES, PER_FILE, BATCH = 8, 75, 32


def write_memos(count, rng):
    memos = []
    for _ in range(count):
        label = rng.randrange(4)
        words = [rng.choice(COMMON) for _ in range(16)]
        words += [rng.choice(TOPICS[label]) for _ in range(2)]
        words += [rng.choice(TOPICS[rng.randrange(4)]) for _ in range(2)]
        rng.shuffle(words)
        memos.append((" ".join(words), label))
    return memos


def load_file(number, rng, shouting):
    memos = write_memos(PER_FILE * BATCH, rng)
    if shouting and number >= 4:
        memos = [(text.upper(), label) for text, label in memos]
    return memos


class Classifier(nn.Module):
    """An embedding, a GRU and a linear layer."""

    def __init__(self, words):
        super().__init__()
        self.embedding = nn.Embedding(words, 24)
        self.gru = nn.GRU(24, 32, batch_first=True)
        self.out = nn.Linear(32, 4)

    def forward(self, x):
        """Give the scores of the four departments."""
        return self.out(self.gru(self.embedding(x))[0].mean(1))


def encode(memos, vocabulary):
    ids = [[vocabulary.get(word, 0) for word in text.split()] for text, _ in memos]
    return torch.tensor(ids), torch.tensor([label for _, label in memos])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(2)
    rng = random.Random(2)
    words = sorted({word for text, _ in write_memos(500, rng) for word in text.split()})
    vocabulary = {word: i + 1 for i, word in enumerate(words)}
    x_val, y_val = encode(write_memos(500, rng), vocabulary)
    model = Classifier(len(vocabulary) + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    rows = [["step", "file", "loss", "val_loss", "val_acc"]]
    step = 0
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for number in range(FILES):
            x, y = encode(load_file(number, rng, shouting=not args.sound), vocabulary)
            for xb, yb in zip(x.split(BATCH), y.split(BATCH), strict=True):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(xb), yb)
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                rows.append([step, number, loss.item(), "", ""])
                if (step + 1) % 25 == 0:
                    with torch.no_grad():
                        out = model(x_val)
                    correct = (out.argmax(1) == y_val).sum().item()
                    val = nn.functional.cross_entropy(out, y_val).item()
                    recorder.validation(val, correct=correct, count=len(y_val))
                    rows[-1][3:] = [val, correct / len(y_val)]
                    print(rows[-1])
                step += 1
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
