"""Which way does the arrow point? A small CNN on drawn arrows, with a DataLoader."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


def draw(count, generator):
    """Arrows to the right, up, left and down (classes 0 to 3) somewhere in 16 x 16 pixels."""
    arrow = torch.zeros(9, 9)
    arrow[4, 1:8] = 1
    arrow[3, 6] = arrow[5, 6] = arrow[2, 5] = arrow[6, 5] = 1
    images = torch.zeros(count, 1, 16, 16)
    labels = torch.randint(4, (count,), generator=generator)
    corners = torch.randint(8, (count, 2), generator=generator)
    for image, label, (top, left) in zip(images, labels, corners.tolist(), strict=True):
        image[0, top : top + 9, left : left + 9] = torch.rot90(arrow, int(label))
    return images + 0.35 * torch.randn(images.shape, generator=generator), labels


def augment(x, mirror):
    x = x * (0.8 + 0.4 * torch.rand(len(x), 1, 1, 1))
    if mirror:
        x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
    return x


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    out = model(x)
    model.train()
    return nn.functional.cross_entropy(out, y).item(), (out.argmax(1) == y).sum().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(11)
    generator = torch.Generator().manual_seed(3)
    train = DataLoader(TensorDataset(*draw(2016, generator)), batch_size=32, shuffle=True)
    x_val, y_val = draw(400, generator)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * 16, 32),
        nn.ReLU(),
        nn.Linear(32, 4),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    rows = []
    with newllm.record(model, optimizer, args.out / "recording", config={"lr": 2e-3, "batch_size": 32}) as recorder:
        for epoch in range(10):
            for x, y in train:
                if epoch >= 5:
                    x = augment(x, mirror=not args.sound)
                optimizer.zero_grad()
                out = model(x)
                loss = nn.functional.cross_entropy(out, y)
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                accuracy = (out.argmax(1) == y).float().mean().item()
                rows.append({"step": len(rows), "epoch": epoch, "loss": loss.item(), "accuracy": accuracy})
            val_loss, correct = evaluate(model, x_val, y_val)
            recorder.validation(val_loss, correct=correct, count=len(y_val))
            rows[-1].update(val_loss=val_loss, val_accuracy=correct / len(y_val))
            print(epoch, rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
