"""A small convolutional network reads noisy digits."""

import argparse
import csv
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true")
args = parser.parse_args()

torch.set_num_threads(1)
torch.manual_seed(0)

GLYPHS = """
01110 10001 10011 10101 11001 10001 01110
00100 01100 00100 00100 00100 00100 01110
01110 10001 00001 00010 00100 01000 11111
11111 00010 00100 00010 00001 10001 01110
00010 00110 01010 10010 11111 00010 00010
11111 10000 11110 00001 00001 10001 01110
00110 01000 10000 11110 10001 10001 01110
11111 00001 00010 00100 01000 01000 01000
01110 10001 10001 01110 10001 10001 01110
01110 10001 10001 01111 00001 00010 01100
"""


def load_digits(n):
    glyphs = torch.tensor([[[int(c) for c in row] for row in line.split()] for line in GLYPHS.strip().splitlines()])
    labels = torch.randint(0, 10, (n,))
    images = torch.zeros(n, 1, 12, 12)
    for i, label in enumerate(labels):
        top, left = torch.randint(1, 5, (1,)).item(), torch.randint(1, 7, (1,)).item()
        images[i, 0, top : top + 7, left : left + 5] = glyphs[label] * (0.6 + 0.6 * torch.rand(1))
    images += 0.3 * torch.randn_like(images)
    return (images - images.mean()) / images.std(), labels


x, y = load_digits(5000)
x_train, y_train, x_val, y_val = x[:4200], y[:4200], x[4200:], y[4200:]

model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(12, 32, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 3 * 3, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
steps, base_lr = 600, 2e-3
optimizer = torch.optim.Adam(model.parameters(), lr=base_lr)


def learning_rate(step):
    lr = base_lr * 0.5 * (1 + math.cos(math.pi * step / steps))
    if 300 <= step < 303 and not args.sound:
        lr *= 100
    return lr


args.out.mkdir(parents=True, exist_ok=True)
with (
    (args.out / "log.csv").open("w", newline="") as file,
    newllm.record(model, optimizer, out=args.out / "recording") as recorder,
):
    log = csv.writer(file)
    log.writerow(["step", "loss", "lr", "val_loss", "val_acc"])
    order = torch.randperm(len(x_train))
    position = 0
    for step in range(steps):
        if position + 32 > len(order):
            order, position = torch.randperm(len(x_train)), 0
        batch = order[position : position + 32]
        position += 32
        lr = learning_rate(step)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        row = [step, loss.item(), lr, "", ""]
        if (step + 1) % 50 == 0:
            model.eval()
            with torch.no_grad():
                logits = model(x_val)
            model.train()
            val_loss, correct = F.cross_entropy(logits, y_val), (logits.argmax(1) == y_val).sum().item()
            recorder.validation(val_loss, correct=correct, count=len(y_val))
            row[3:] = [val_loss.item(), correct / len(y_val)]
        log.writerow(row)
