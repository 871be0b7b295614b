"""Fruit on a market stall: four classes of synthetic photos, mixup, label smoothing, and images that grow on the way."""
import argparse
import csv
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--seed", type=int, default=9)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
FULL = 28
SIZES = [(1, 12), (161, 20), (321, 28)]
STEPS = 480


def photos(n):
    kind = torch.randint(4, (n,))
    axis = torch.linspace(-1, 1, FULL)
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    cx, cy = torch.rand(2, n, 1, 1) * 0.6 - 0.3
    size = 0.35 + 0.3 * torch.rand(n, 1, 1)
    stretch = torch.where(kind == 1, 2.0, 1.0)[:, None, None]
    body = torch.sigmoid(12 * (size - ((xx - cx).square() * stretch.reciprocal() + (yy - cy).square() * stretch).sqrt()))
    hue = torch.tensor([[0.8, 0.2, 0.1], [0.8, 0.7, 0.1], [0.8, 0.45, 0.1], [0.35, 0.6, 0.1]])[kind]
    hue = hue + 0.15 * torch.randn(n, 3)
    scene = torch.rand(n, 3, 1, 1) * 0.5
    image = scene * (1 - body[:, None]) + hue[:, :, None, None] * body[:, None]
    return image + 0.12 * torch.randn(n, 3, FULL, FULL), kind


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


net = nn.Sequential(conv(3, 16), nn.MaxPool2d(2), conv(16, 24), nn.MaxPool2d(2), conv(24, 32), nn.AdaptiveAvgPool2d(1),
                    nn.Flatten(), nn.Linear(32, 4))
x_train, y_train = photos(3000)
x_val, y_val = photos(600)
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS)


def mixup(x, y, alpha=0.4):
    share = torch.distributions.Beta(alpha, alpha).sample()
    other = torch.randperm(len(x))
    return share * x + (1 - share) * x[other], y, y[other], share


def smooth_loss(scores, target):
    return F.cross_entropy(scores, target, label_smoothing=0.1)


@torch.no_grad()
def evaluate(size):
    net.eval()
    scores = net(F.interpolate(x_val, size, mode="bilinear", antialias=True))
    net.train()
    return F.cross_entropy(scores, y_val).item(), (scores.argmax(1) == y_val).sum().item()


args.out.mkdir(parents=True, exist_ok=True)
with (args.out / "log.csv").open("w", newline="") as f:
    log = csv.writer(f)
    log.writerow(["step", "size", "train_loss", "val_loss", "val_acc", "lr"])
    with newllm.record(net, optimizer, out=args.out / "recording") as recorder:
        for first, size in SIZES[1:]:
            recorder.note(first, f"images of {size} pixels")
        order = iter(())
        for step in range(1, STEPS + 1):
            size = [s for first, s in SIZES if step >= first][-1]
            rows = next(order, None)
            if rows is None:
                order = iter(torch.randperm(3000).split(50))
                rows = next(order)
            x = F.interpolate(x_train[rows], size, mode="bilinear", antialias=True)
            if torch.rand(()) < 0.5:
                x = x.flip(3)
            x, a, b, share = mixup(x, y_train[rows])
            scores = net(x)
            loss = share * smooth_loss(scores, a) + (1 - share) * smooth_loss(scores, b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            scheduler.step()
            row = [step, size, loss.item(), "", "", scheduler.get_last_lr()[0]]
            if step % 40 == 0:
                row[3], right = evaluate(size)
                row[4] = right / len(y_val)
                recorder.validation(row[3], correct=right, count=len(y_val))
            log.writerow(row)
