"""Kites against the sky: five outlines, small CNN, SGD with warm restarts."""
import argparse
import csv
import os

import numpy as np
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

import newllm


def make_kites(n, seed):
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:18, 0:18].astype(np.float32)
    label = rng.integers(0, 5, n)
    cx, cy = rng.uniform(7, 10, (2, n)).astype(np.float32)
    size = rng.uniform(3.5, 6, n).astype(np.float32)
    img = np.zeros((n, 1, 18, 18), np.float32)
    for i in range(n):
        u, v, s = xx - cx[i], yy - cy[i], size[i]
        inside = [np.hypot(u, v) < s, (abs(u) < s * .85) & (abs(v) < s * .85), abs(u) + abs(v) < s * 1.2,
                  (v > -s) & (v < s) & (abs(u) < (v + s) / 2), (abs(u) < s / 3) | (abs(v) < s / 3)][label[i]]
        inside = inside & (abs(u) < s * 1.2) & (abs(v) < s * 1.2)
        img[i, 0] = inside * rng.uniform(.6, 1.2) + rng.normal(0, .45, (18, 18))
    return torch.from_numpy(img), torch.from_numpy(label)


class AverageMeter(object):
    def __init__(self):
        self.reset()

    def reset(self):
        self.sum = self.count = 0

    def update(self, val, n=1):
        self.sum += val * n
        self.count += n

    @property
    def avg(self):
        return self.sum / max(self.count, 1)


def conv_bn(i, o, stride=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


def validate(loader, model, criterion):
    losses, top1 = AverageMeter(), AverageMeter()
    model.eval()
    with torch.no_grad():
        for images, target in loader:
            output = model(images)
            losses.update(criterion(output, target).item(), len(target))
            top1.update((output.argmax(1) == target).float().mean().item(), len(target))
    model.train()
    return losses, top1


parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--sound", action="store_true")
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(0)
ds = torch.utils.data.TensorDataset(*make_kites(11200, 1))
loader = torch.utils.data.DataLoader(ds, batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*make_kites(1000, 2)), batch_size=250)
model = nn.Sequential(conv_bn(1, 12), conv_bn(12, 24, 2), conv_bn(24, 24), conv_bn(24, 32, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 5))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), 0.06, momentum=0.9, weight_decay=5e-4, nesterov=True)
scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=100, T_mult=2, eta_min=1e-4)
it = 0
with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as fh:
    log = csv.writer(fh)
    log.writerow(["iter", "epoch", "lr", "train_loss", "val_loss", "val_top1"])
    for epoch in range(4):
        for images, target in loader:
            output = model(images)
            loss = criterion(output, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            lr = optimizer.param_groups[0]["lr"]
            scheduler.step()
            it += 1
            row = [it, epoch, lr, loss.item(), "", ""]
            if it % 50 == 0:
                l, t = validate(val_loader, model, criterion)
                recorder.validation(l.avg, correct=round(t.sum), count=t.count)
                row[4:] = [l.avg, t.avg]
                print(f"[{it}] lr {lr:.4f} loss {loss.item():.3f} val {l.avg:.3f} top1 {t.avg:.3f}")
            log.writerow(row)
