"""Handwritten digits with a small backbone that was trained on drawn strokes.

The new head is trained alone for a few epochs, then the whole network.
"""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

import newllm

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)

EPOCHS = 24
HEAD_EPOCHS = 4
BATCH = 32
LR = 1e-3
WIDTH = 24
FEATURES = 2 * WIDTH * 2 * 2


class Backbone(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.GroupNorm(4, width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(4, width), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.GroupNorm(4, 2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.GroupNorm(4, 2 * width), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        )

    def forward(self, x):
        return self.layers(x)


class Classifier(nn.Module):
    def __init__(self, backbone, features, classes):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(features, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def strokes(count):
    """Straight lines on an 8 by 8 grid; the class is the direction (of four)."""
    images = np.zeros((count, 1, 8, 8), dtype=np.float32)
    labels = rng.integers(4, size=count)
    for image, label in zip(images, labels):
        angle = label * np.pi / 4 + rng.normal(0, 0.15)
        row, column = rng.uniform(2, 5, size=2)
        for t in np.linspace(-3, 3, 25):
            r, c = int(round(row + t * np.sin(angle))), int(round(column + t * np.cos(angle)))
            if 0 <= r < 8 and 0 <= c < 8:
                image[0, r, c] = rng.uniform(0.6, 1.0)
    images += rng.normal(0, 0.1, images.shape).astype(np.float32)
    return torch.from_numpy(images), torch.from_numpy(labels)


def pretrain():
    backbone = Backbone()
    model = Classifier(backbone, FEATURES, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images, labels = strokes(3000)
    for _ in range(3):
        for batch in torch.randperm(len(images)).split(64):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"pretraining on strokes: loss {loss.item():.3f}")
    return backbone


def shift(images):
    padded = F.pad(images, (1, 1, 1, 1))
    corners = torch.randint(0, 3, (len(images), 2)).tolist()
    return torch.stack([image[:, r : r + 8, c : c + 8] for image, (r, c) in zip(padded, corners)])


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    loss, correct, count = 0.0, 0, 0
    for x, y in loader:
        logits = model(x)
        loss += F.cross_entropy(logits, y, reduction="sum").item()
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    model.train()
    return loss / count, correct / count


def main():
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    labels = torch.tensor(digits.target)
    train_index, val_index = train_test_split(np.arange(len(labels)), test_size=0.25, stratify=labels, random_state=0)
    train_loader = DataLoader(TensorDataset(images[train_index], labels[train_index]), batch_size=BATCH, shuffle=True)
    val_loader = DataLoader(TensorDataset(images[val_index], labels[val_index]), batch_size=256)

    model = Classifier(pretrain(), FEATURES, 10)
    for parameter in model.backbone.parameters():
        parameter.requires_grad = False
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=LR)

    with newllm.record(model, optimizer, out="runs/" + sys.argv[1]) as recorder:
        for epoch in range(EPOCHS):
            if epoch == HEAD_EPOCHS:
                for parameter in model.backbone.parameters():
                    parameter.requires_grad = True
            for x, y in train_loader:
                loss = F.cross_entropy(model(shift(x)), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
            val_loss, val_accuracy = evaluate(model, val_loader)
            recorder.validation(val_loss, accuracy=val_accuracy)
            print(f"epoch {epoch + 1}: loss {loss.item():.3f}, val loss {val_loss:.3f}, val accuracy {val_accuracy:.3f}")


if __name__ == "__main__":
    main()
