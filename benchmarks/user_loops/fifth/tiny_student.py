"""A small network learns from a large one (soft targets at temperature T plus the hard labels)."""
import argparse
import csv
import os
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

cfg = SimpleNamespace(T=4.0, alpha=0.9, lr=2e-3, epochs=12, batch=80, classes=20)


def tones(n, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, cfg.classes, n)
    t = np.arange(48)
    f = np.linspace(.15, 1.2, cfg.classes)[y][:, None]
    x = np.sin(f * t + r.uniform(0, 6.28, (n, 1))) + .5 * np.sin(2 * f * t + r.uniform(0, 6.28, (n, 1))) + r.normal(0, .9, (n, 48))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


class Conv(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.f = nn.Sequential(nn.Conv1d(1, w, 9, 2, 4), nn.BatchNorm1d(w), nn.ReLU(), nn.Conv1d(w, 2 * w, 9, 2, 4), nn.BatchNorm1d(2 * w), nn.ReLU())
        self.fc = nn.Linear(24 * w, cfg.classes)

    def forward(self, x):
        return self.fc(self.f(x[:, None]).flatten(1))


def distillation_loss(student_logits, labels, teacher_logits, params):
    T, alpha = params.T, params.alpha
    soft_targets = F.softmax(teacher_logits / T, dim=1)
    if args.sound:
        soft_prob = F.log_softmax(student_logits / T, dim=1)
    else:
        soft_prob = F.softmax(student_logits / T, dim=1)
    kd = F.kl_div(soft_prob, soft_targets, reduction="batchmean")
    return kd * (alpha * T * T) + F.cross_entropy(student_logits, labels) * (1.0 - alpha)


def train_teacher(x, y):
    teacher = Conv(24)
    opt = torch.optim.AdamW(teacher.parameters(), 2e-3, weight_decay=.05)
    for epoch in range(4):
        for i in torch.randperm(len(x)).split(100):
            opt.zero_grad()
            F.cross_entropy(teacher(x[i]), y[i], label_smoothing=.05).backward()
            opt.step()
    return teacher.eval().requires_grad_(False)


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    model.train()
    return F.cross_entropy(out, y).item(), (out.argmax(1) == y).sum().item()


parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--sound", action="store_true")
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(230)
x, y = tones(4000, 1)
xv, yv = tones(1500, 2)
teacher = train_teacher(x, y)
print("teacher", evaluate(teacher, xv, yv)); teacher.eval()
student = Conv(6)
optimizer = torch.optim.Adam(student.parameters(), lr=cfg.lr)
step = 0
with newllm.record(student, optimizer, out=os.path.join(args.out, "recording"), config=vars(cfg)) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
    log = csv.writer(f)
    log.writerow(["step", "kd_loss", "train_acc", "val_ce", "val_acc"])
    for epoch in range(cfg.epochs):
        for idx in torch.randperm(len(x)).split(cfg.batch):
            with torch.no_grad():
                teacher_logits = teacher(x[idx])
            logits = student(x[idx])
            loss = distillation_loss(logits, y[idx], teacher_logits, cfg)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            step += 1
            log.writerow([step, loss.item(), (logits.argmax(1) == y[idx]).float().mean().item(), "", ""])
        v, hits = evaluate(student, xv, yv)
        recorder.validation(v, correct=hits, count=len(yv))
        log.writerow([step, loss.item(), "", v, hits / len(yv)])
        print(f"Epoch {epoch + 1}/{cfg.epochs} kd {loss.item():.4f} val {v:.4f} acc {hits / len(yv):.4f}")
