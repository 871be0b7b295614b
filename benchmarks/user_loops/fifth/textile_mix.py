#!/usr/bin/env python3
""" Weave classification: mixup, label smoothing, dropout, drop-path. Train script after the image-model kind. """
import argparse
import csv
import os
from collections import OrderedDict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

parser = argparse.ArgumentParser(description="weaves")
parser.add_argument("--out", required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--mixup", type=float, default=0.8)
parser.add_argument("--smoothing", type=float, default=0.1)
parser.add_argument("--drop", type=float, default=0.4)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--warmup-epochs", type=int, default=1)
parser.add_argument("--lr", type=float, default=4e-3)
parser.add_argument("--clip-grad", type=float, default=2.0)
C = 8


def weaves(n, seed):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:16, 0:16]
    y = r.integers(0, C, n)
    px, py, o = r.uniform(0, 6.28, (3, n, 1, 1))
    fx = np.array([.8, 1.2, 1.6, 2.0])[y % 4][:, None, None]
    twill = (y >= 4)[:, None, None]
    plain = np.sin(fx * xx + px) * np.sin(fx * yy + py)
    diag = np.sin(fx * (xx + yy) / 1.4 + px)
    img = np.where(twill, diag, plain) * r.uniform(.5, 1.2, (n, 1, 1)) + r.normal(0, .5, (n, 16, 16))
    return torch.tensor(img[:, None], dtype=torch.float32), torch.tensor(y)


class AverageMeter:
    def __init__(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count


class Mixup:
    def __init__(self, alpha, smoothing, num_classes):
        self.alpha, self.smoothing, self.num_classes = alpha, smoothing, num_classes
        self.rng = np.random.default_rng(42)

    def one_hot(self, y):
        off = self.smoothing / self.num_classes
        return torch.full((len(y), self.num_classes), off).scatter_(1, y[:, None], 1 - self.smoothing + off)

    def __call__(self, x, y):
        lam = float(self.rng.beta(self.alpha, self.alpha))
        t = self.one_hot(y)
        return x * lam + x.flip(0) * (1 - lam), t * lam + t.flip(0) * (1 - lam)


class SoftTargetCrossEntropy(nn.Module):
    def forward(self, x, target):
        return torch.sum(-target * F.log_softmax(x, dim=-1), dim=-1).mean()


def create_model(drop):
    def block(i, o, s):
        return [nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.SiLU()]
    return nn.Sequential(*block(1, 16, 1), *block(16, 24, 2), *block(24, 32, 2), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Dropout(drop), nn.Linear(128, 64), nn.SiLU(), nn.Dropout(drop), nn.Linear(64, C))


def train_one_epoch(epoch, model, loader, optimizer, loss_fn, args, scheduler, mixup_fn, recorder, writer, num_updates):
    losses_m = AverageMeter()
    model.train()
    for batch_idx, (input, target) in enumerate(loader):
        input, target = mixup_fn(input, target)
        output = model(input)
        loss = loss_fn(output, target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), args.clip_grad)
        optimizer.step()
        scheduler.step()
        num_updates += 1
        recorder.step(loss)
        losses_m.update(loss.item(), len(input))
        writer.writerow([num_updates, epoch, loss.item(), "", "", optimizer.param_groups[0]["lr"]])
    return OrderedDict([("loss", losses_m.avg)]), num_updates


def validate(model, loader, loss_fn):
    losses_m, top1_m = AverageMeter(), AverageMeter()
    model.eval()
    with torch.no_grad():
        for input, target in loader:
            output = model(input)
            losses_m.update(loss_fn(output, target).item(), len(input))
            top1_m.update((output.argmax(1) == target).float().mean().item(), len(input))
    return OrderedDict([("loss", losses_m.avg), ("top1", top1_m.avg), ("n", top1_m.count)])


def main():
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(42)
    D = torch.utils.data
    loader_train = D.DataLoader(D.TensorDataset(*weaves(3840, 1)), batch_size=64, shuffle=True, drop_last=True)
    loader_eval = D.DataLoader(D.TensorDataset(*weaves(800, 2)), batch_size=200)
    model = create_model(args.drop)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    total, warm = args.epochs * len(loader_train), args.warmup_epochs * len(loader_train)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: (i + 1) / warm if i < warm else .5 * (1 + np.cos(np.pi * (i - warm) / (total - warm))))
    mixup_fn = Mixup(args.mixup, args.smoothing, C)
    num_updates, best = 0, 0
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording"), config=args) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
        writer = csv.writer(f)
        writer.writerow(["num_updates", "epoch", "train_loss", "eval_loss", "eval_top1", "lr"])
        for epoch in range(args.epochs):
            train_metrics, num_updates = train_one_epoch(epoch, model, loader_train, optimizer, SoftTargetCrossEntropy(), args, scheduler, mixup_fn, recorder, writer, num_updates)
            m = validate(model, loader_eval, nn.CrossEntropyLoss())
            recorder.validation(m["loss"], correct=round(m["top1"] * m["n"]), count=m["n"])
            best = max(best, m["top1"])
            writer.writerow([num_updates, epoch, train_metrics["loss"], m["loss"], m["top1"], optimizer.param_groups[0]["lr"]])
            print(f"epoch {epoch} train {train_metrics['loss']:.4f} eval {m['loss']:.4f} top1 {m['top1']:.4f} best {best:.4f}")


if __name__ == "__main__":
    main()
