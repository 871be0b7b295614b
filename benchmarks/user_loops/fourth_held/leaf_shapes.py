import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm

N_CLASSES = 12


def draw_leaf(kind, rng):
    """A 20x20 leaf: lobes and elongation depend on the species."""
    yy, xx = np.mgrid[-1:1:20j, -1:1:20j]
    angle = rng.uniform(-0.5, 0.5)
    x = xx * np.cos(angle) - yy * np.sin(angle)
    y = xx * np.sin(angle) + yy * np.cos(angle)
    stretch = [0.6, 1.0, 1.5][kind % 3]
    lobes = [0, 3, 5, 7][kind // 3]
    r = np.sqrt((x * stretch) ** 2 + (y / stretch) ** 2)
    th = np.arctan2(y, x)
    edge = 0.62 + 0.2 * np.cos(lobes * th) * (lobes > 0)
    img = 1 / (1 + np.exp((r - edge * rng.uniform(0.85, 1.15)) * 14))
    return img + rng.normal(0, 0.25, img.shape)


def dataset(n, rng):
    labels = rng.integers(0, N_CLASSES, n)
    imgs = np.stack([draw_leaf(k, rng) for k in labels]).astype(np.float32)
    return TensorDataset(torch.from_numpy(imgs)[:, None], torch.from_numpy(labels))


class LeafNet(nn.Module):
    def __init__(self, probs):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.fc1 = nn.Linear(32 * 25, 64)
        self.fc2 = nn.Linear(64, N_CLASSES)
        self.probs = probs

    def forward(self, x):
        x = torch.relu(self.fc1(self.features(x)))
        x = self.fc2(x)
        return torch.softmax(x, dim=1) if self.probs else x


def evaluate(model, loader, criterion):
    model.eval()
    total, hits, n = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            total += criterion(out, y).item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
            n += len(y)
    model.train()
    return total / n, hits, n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(11)
    rng = np.random.default_rng(11)
    train = DataLoader(dataset(2400, rng), batch_size=32, shuffle=True)
    val = DataLoader(dataset(600, rng), batch_size=200)
    model = LeafNet(probs=not args.sound)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    step = 0
    with open(args.out / "log.csv", "w", newline="") as f, newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        log = csv.writer(f)
        log.writerow(["step", "loss", "val_loss", "val_acc"])
        for epoch in range(8):
            for x, y in train:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                step += 1
                log.writerow([step, loss.item(), "", ""])
            vloss, hits, n = evaluate(model, val, criterion)
            recorder.validation(vloss, correct=hits, count=n)
            log.writerow([step, loss.item(), vloss, hits / n])
            print(f"epoch {epoch} loss {loss.item():.3f} val {vloss:.3f} acc {hits / n:.3f}")


if __name__ == "__main__":
    main()
