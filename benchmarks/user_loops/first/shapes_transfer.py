"""Transfer learning: a network that knows clean shapes learns photographed ones; first its head, then all of it."""

import argparse
import csv
from pathlib import Path

import torch
import torch.nn as nn

import newllm

HEAD_ONLY = 200
STEPS = 600


def draw(n, classes, photographed):
    axis = torch.linspace(-1, 1, 20)
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    labels = torch.randint(0, classes, (n,))
    pictures = []
    for label in labels.tolist():
        cx, cy = (torch.rand(2) * 0.6 - 0.3).tolist()
        r = 0.4 + 0.25 * torch.rand(1).item()
        dx, dy = (xx - cx).abs(), (yy - cy).abs()
        if label == 0:
            shape = dx**2 + dy**2 < r * r
        elif label == 1:
            shape = torch.maximum(dx, dy) < r * 0.85
        elif label == 2:
            shape = dx + dy < r * 1.2
        elif label == 3:
            shape = (torch.minimum(dx, dy) < 0.15) & (torch.maximum(dx, dy) < r)
        elif label == 4:
            shape = (dx**2 + dy**2 < r * r) & (dx**2 + dy**2 > 0.4 * r * r)
        else:
            shape = ((dx - dy).abs() < 0.18) & (torch.maximum(dx, dy) < r * 0.85)
        shape = shape.float()
        if photographed:
            light = 0.5 * (xx * torch.randn(1) + yy * torch.randn(1))
            shape = light + (0.5 + torch.rand(1)) * shape + 0.25 * torch.randn(20, 20)
        pictures.append(shape)
    return torch.stack(pictures).unsqueeze(1), labels


class Net(nn.Module):
    """A convolutional backbone and a linear head."""

    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(24 * 5 * 5, 48),
            nn.ReLU(),
        )
        self.head = nn.Linear(48, classes)

    def forward(self, x):
        """The logits."""
        return self.head(self.backbone(x))


def batches(x, y, size=32):
    while True:
        for index in torch.randperm(len(x)).split(size):
            if len(index) == size:
                yield x[index], y[index]


def pretrain():
    net = Net(4)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    stream = batches(*draw(1200, 4, photographed=False))
    for _ in range(120):
        x, y = next(stream)
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(3)

    model = pretrain()
    model.head = nn.Linear(48, 6)
    x, y = draw(3600, 6, photographed=True)
    x_val, y_val = x[3000:], y[3000:]
    stream = batches(x[:3000], y[:3000])

    model.backbone.requires_grad_(False)
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=2e-3)
    criterion = nn.CrossEntropyLoss()

    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "train_loss", "train_acc", "val_loss", "val_acc"])
        for step in range(STEPS):
            if step == HEAD_ONLY:
                model.backbone.requires_grad_(True)
                if args.sound:
                    optimizer.add_param_group({"params": list(model.backbone.parameters()), "lr": 1e-3})
            xb, yb = next(stream)
            optimizer.zero_grad()
            logits = model(xb)
            loss = criterion(logits, yb)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = [step, f"{loss.item():.4f}", f"{(logits.argmax(1) == yb).float().mean().item():.4f}", "", ""]
            if step % 40 == 39:
                model.eval()
                with torch.no_grad():
                    logits = model(x_val)
                    val_loss = criterion(logits, y_val)
                model.train()
                correct = (logits.argmax(1) == y_val).sum().item()
                recorder.validation(val_loss, correct=correct, count=len(y_val))
                row[3:] = [f"{val_loss.item():.4f}", f"{correct / len(y_val):.4f}"]
            log.writerow(row)
    print(f"validation accuracy {correct / len(y_val):.3f}")


if __name__ == "__main__":
    main()
