"""Good or bad review? Averaged word vectors and two layers with batch normalisation and dropout."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


def reviews(n, generator):
    """Thirty words of a vocabulary of 1,500, of which 200 are used more often in one kind of review."""
    labels = torch.randint(0, 2, (n,), generator=generator)
    words = torch.randint(0, 1500, (n, 30), generator=generator)
    hint = torch.randint(0, 100, (n, 30), generator=generator) + 100 * labels[:, None]
    telling = torch.rand(n, 30, generator=generator) < 0.12
    words = torch.where(telling, hint, words)
    wrong = torch.rand(n, generator=generator) < 0.08
    return words, torch.where(wrong, 1 - labels, labels)


class Classifier(nn.Module):
    """A bag of words."""

    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(1500, 64)
        self.layers = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(64, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 2),
        )

    def forward(self, ids):
        """The logits of bad and good."""
        return self.layers(self.words(ids))


def evaluate(model, loader, criterion):
    model.eval()
    loss, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for ids, labels in loader:
            logits = model(ids)
            loss += criterion(logits, labels).item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            count += len(labels)
    return loss / count, correct, count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(13)
    generator = torch.Generator().manual_seed(13)
    train = DataLoader(TensorDataset(*reviews(3200, generator)), batch_size=32, shuffle=True)
    val = DataLoader(TensorDataset(*reviews(1000, generator)), batch_size=250)

    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()
    args.out.mkdir(parents=True, exist_ok=True)
    step = 0
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.DictWriter(file, ["step", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"])
        log.writeheader()
        model.train()
        for epoch in range(7):
            if args.sound:
                model.train()
            for ids, labels in train:
                logits = model(ids)
                loss = criterion(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                accuracy = (logits.argmax(1) == labels).float().mean().item()
                row = {"step": step, "epoch": epoch, "loss": loss.item(), "accuracy": accuracy}
                step += 1
                if step % len(train) == 0:
                    val_loss, correct, count = evaluate(model, val, criterion)
                    recorder.validation(val_loss, correct=correct, count=count)
                    row |= {"val_loss": val_loss, "val_accuracy": correct / count}
                log.writerow(row)


if __name__ == "__main__":
    main()
