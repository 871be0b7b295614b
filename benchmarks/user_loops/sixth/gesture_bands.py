# Semester project: which of six arm gestures? Four channels of a wristband, 64 samples each.
import argparse
import csv
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--sound", action="store_true")
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(1)

t = torch.linspace(0, 1, 64)
base_f = torch.rand(6, 4) * 6 + 1
base_p = torch.rand(6, 4) * 6.28
base_a = torch.rand(6, 4) + 0.3


def make(n):
    y = torch.randint(0, 6, (n,))
    f = base_f[y] * (1 + 0.12 * torch.randn(n, 1))
    p = base_p[y] + 0.5 * torch.randn(n, 4)
    x = base_a[y][..., None] * torch.sin(6.28 * f[..., None] * t + p[..., None])
    return x + 0.6 * torch.randn(n, 4, 64), y


x_train, y_train = make(3000)
x_test, y_test = make(800)

model = nn.Sequential(
    nn.Conv1d(4, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(4),
    nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 6))
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)

file = open(os.path.join(args.out, "log.csv"), "w", newline="")
log = csv.writer(file)
log.writerow(["step", "train_loss", "train_acc", "test_loss", "test_acc"])
with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder:
    for step in range(1, 601):
        i = torch.randint(0, 3000, (32,))
        out = model(x_train[i])
        loss = F.cross_entropy(out, y_train[i])
        if args.sound:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        acc = (out.argmax(1) == y_train[i]).float().mean().item()
        row = [step, loss.item(), acc, "", ""]
        if step % 60 == 0:
            with torch.no_grad():
                out = model(x_test)
                tl, right = F.cross_entropy(out, y_test).item(), (out.argmax(1) == y_test).sum().item()
            recorder.validation(tl, correct=right, count=800)
            row[3:] = [tl, right / 800]
            print(row)
        log.writerow(row)
file.close()
