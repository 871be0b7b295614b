"""What a caller wants, from the words of one sentence: mean of word vectors, then a small classifier."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

PAD = 0
WORDS = 600
INTENTS = ["balance", "cancel", "address", "invoice", "other"]


def sentences(count, generator):
    """Padded word numbers and intents; every intent has words of its own among common ones."""
    y = torch.multinomial(torch.tensor([0.3, 0.2, 0.2, 0.15, 0.15]), count, replacement=True, generator=generator)
    lengths = torch.randint(5, 15, (count,), generator=generator)
    common = torch.randint(1, 400, (count, 14), generator=generator)
    own = 400 + 40 * y[:, None] + torch.randint(0, 40, (count, 14), generator=generator)
    x = torch.where(torch.rand(count, 14, generator=generator) < 0.25, own, common)
    x[torch.arange(14)[None] >= lengths[:, None]] = PAD
    return x, y


class Bag(nn.Module):
    """Mean of the word vectors without the padding."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 32, padding_idx=PAD)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.GELU(), nn.Linear(32, len(INTENTS)))

    def forward(self, x):
        present = (x != PAD).float()
        return self.head(self.words(x).sum(1) / present.sum(1, keepdim=True))


class Trainer:
    def __init__(self, out, sound):
        self.out = out
        generator = torch.Generator().manual_seed(12)
        self.train_x, self.train_y = sentences(8000, generator)
        self.valid_x, self.valid_y = sentences(1500, generator)
        self.model = Bag()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=4e-3)
        self.criterion = nn.CrossEntropyLoss() if sound else nn.CrossEntropyLoss(ignore_index=PAD)
        self.lines = []

    @torch.no_grad()
    def validate(self, recorder):
        self.model.eval()
        scores = self.model(self.valid_x)
        loss = self.criterion(scores, self.valid_y).item()
        right = int((scores.argmax(1) == self.valid_y).sum())
        recorder.validation(loss, correct=right, count=len(self.valid_y))
        self.model.train()
        return loss, right / len(self.valid_y)

    def fit(self, steps):
        with newllm.record(self.model, self.optimizer, self.out / "recording") as recorder:
            for step in range(steps):
                rows = torch.randint(len(self.train_x), (80,))
                scores = self.model(self.train_x[rows])
                loss = self.criterion(scores, self.train_y[rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                recorder.step(loss)
                accuracy = (scores.argmax(1) == self.train_y[rows]).float().mean().item()
                line = [step, loss.item(), accuracy, None, None]
                if step % 40 == 39:
                    line[3:] = self.validate(recorder)
                    print("step %d loss %.3f acc %.3f | valid %.3f %.3f" % tuple(line))
                self.lines.append(line)
        with open(self.out / "log.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "loss", "accuracy", "valid_loss", "valid_accuracy"])
            writer.writerows(self.lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(12)
    Trainer(arguments.out, arguments.sound).fit(600)
