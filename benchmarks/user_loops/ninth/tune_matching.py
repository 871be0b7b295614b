"""Hummed tunes and their scores in one space (InfoNCE both ways); the batch grows from 32 over 64 to 128 pairs."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
import torch.nn.functional as F

import newllm

NOTES, LENGTH = 12, 10


def tunes(n):
    score = torch.randint(NOTES, (n, LENGTH))
    # people start at any pitch, hold it roughly, and hum each note with an error
    hummed = score.float() + torch.randn(n, 1) * 3 + 1.6 * torch.randn(n, LENGTH)
    loud = torch.rand(n, LENGTH)
    return score, torch.stack([hummed / 6 - 1, loud], dim=1)


class TwoTowers(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.note = nn.Embedding(NOTES, 16)
        self.score_tower = nn.Sequential(nn.Linear(16 * LENGTH, 128), nn.ReLU(), nn.Linear(128, dim))
        self.hum_tower = nn.Sequential(nn.Conv1d(2, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
                                       nn.Linear(32 * LENGTH, 128), nn.ReLU(), nn.Linear(128, dim))
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, score, hum):
        a = F.normalize(self.score_tower(self.note(score).flatten(1)), dim=1)
        b = F.normalize(self.hum_tower(hum), dim=1)
        return self.log_scale.clamp(max=4.0).exp() * a @ b.T


def info_nce(logits):
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def batch_size(step):
    return 32 if step <= 200 else 64 if step <= 400 else 128


def main(out, seed, steps=600):
    torch.manual_seed(seed)
    train, valid = tunes(20000), tunes(256)
    model = TwoTowers()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.csv").open("w", newline="") as f:
        log = csv.writer(f)
        log.writerow(["step", "pairs", "loss", "val_loss", "val_recall_at_1"])
        with newllm.record(model, optimizer, out=out / "recording") as recorder:
            for step in range(1, steps + 1):
                rows = torch.randint(20000, (batch_size(step),))
                loss = info_nce(model(train[0][rows], train[1][rows]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                row = [step, len(rows), loss.item(), "", ""]
                if step % 50 == 0:
                    model.eval()
                    with torch.no_grad():
                        logits = model(*valid)
                    model.train()
                    right = (logits.argmax(0) == torch.arange(256)).sum().item()
                    row[3:] = [info_nce(logits).item(), right / 256]
                    recorder.validation(row[3], correct=right, count=256)
                log.writerow(row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=44)
    given = parser.parse_args()
    torch.set_num_threads(1)
    main(given.out, given.seed)
