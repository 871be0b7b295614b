"""Finds cells in microscope images, point by point: a small U-Net, evaluated with a running average of its weights."""
import argparse
import copy
import csv
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

N = 24


def microscope(n, g):
    axis = torch.arange(float(N))
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    mask = torch.zeros(n, N, N, dtype=torch.bool)
    for _ in range(3):
        c = torch.rand(n, 2, 1, 1, generator=g) * (N - 6) + 3
        r = 2 + 2.5 * torch.rand(n, 1, 1, generator=g)
        mask |= ((yy - c[:, 0]).square() + (xx - c[:, 1]).square()).sqrt() < r
    shade = (torch.randn(n, 1, 1, generator=g) * yy + torch.randn(n, 1, 1, generator=g) * xx) / N * 8
    image = 120 + 30 * mask.float() + shade + 22 * torch.randn(n, N, N, generator=g)
    return (image / 255)[:, None], mask.float()[:, None]


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
                         nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class TinyUNet(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.top, self.low = double(1, w), double(w, 2 * w)
        self.up = nn.ConvTranspose2d(2 * w, w, 2, stride=2)
        self.join, self.out = double(2 * w, w), nn.Conv2d(w, 1, 1)

    def forward(self, x):
        top = self.top(x)
        return self.out(self.join(torch.cat([top, self.up(self.low(F.max_pool2d(top, 2)))], dim=1)))


class Average:
    def __init__(self, model, decay, buffers):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.buffers = decay, buffers

    @torch.no_grad()
    def update(self, model):
        for mine, new in zip(self.model.parameters(), model.parameters()):
            mine.mul_(self.decay).add_(new, alpha=1 - self.decay)
        if self.buffers:
            for mine, new in zip(self.model.buffers(), model.buffers()):
                mine.copy_(new)


def dice(logits, mask):
    found = (logits > 0).float()
    return (2 * (found * mask).sum() / (found.sum() + mask.sum()).clamp(min=1)).item()


def criterion(logits, mask):
    p = logits.sigmoid()
    soft = 1 - (2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, mask) + soft


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--seed", type=int, default=28)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed)
    image, mask = microscope(1600, g)
    val_image, val_mask = microscope(200, g)
    net = TinyUNet()
    average = Average(net, decay=0.97, buffers=args.sound)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=400, power=0.9)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, newllm.record(net, optimizer, out=args.out / "recording") as recorder:
        log = csv.writer(f)
        log.writerow(["step", "loss", "dice", "val_loss", "val_dice"])
        for step in range(1, 401):
            rows = torch.randint(1600, (16,), generator=g)
            logits = net(image[rows])
            loss = criterion(logits, mask[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update(net)
            recorder.step(loss)
            row = [step, loss.item(), dice(logits, mask[rows]), "", ""]
            if step % 40 == 0:
                with torch.no_grad():
                    logits = average.model(val_image)
                row[3], row[4] = criterion(logits, val_mask).item(), dice(logits, val_mask)
                recorder.validation(row[3])
                recorder.metrics({"val_dice": row[4]})
            log.writerow(row)


if __name__ == "__main__":
    main()
