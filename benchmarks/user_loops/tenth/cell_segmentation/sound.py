"""Segmentation of synthetic microscopy: elongated cells of two kinds and a scratch, small U-Net, 4 classes."""

import random
import sys

import newllm
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
SEED = 5
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)

SIZE = 48
NAMES = ["background", "bright cell", "ringed cell", "scratch"]


def draw(rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    image = 0.25 + 0.1 * np.sin(xx / rng.uniform(8, 20) + rng.uniform(0, 6)) + 0.05 * yy / SIZE
    mask = np.zeros((SIZE, SIZE), np.int64)
    for _ in range(rng.integers(3, 7)):
        cx, cy = rng.uniform(4, SIZE - 4, 2)
        a, b = rng.uniform(5, 9), rng.uniform(3, 5)
        angle = rng.uniform(0, np.pi)
        u = (xx - cx) * np.cos(angle) + (yy - cy) * np.sin(angle)
        v = -(xx - cx) * np.sin(angle) + (yy - cy) * np.cos(angle)
        r = (u / a) ** 2 + (v / b) ** 2
        inside = r < 1
        kind = int(rng.integers(1, 3))
        if kind == 1:
            image[inside] = 0.55 + 0.1 * r[inside]
        else:
            image[inside] = 0.3 + 0.35 * r[inside]
        mask[inside] = kind
    if rng.random() < 0.7:
        slope, offset = rng.uniform(-0.6, 0.6), rng.uniform(8, SIZE - 8)
        line = np.abs(yy - offset - slope * (xx - SIZE / 2)) < 1.6
        image[line] = 0.45
        mask[line] = 3
    image += rng.normal(0, 0.09, image.shape)
    return image.astype(np.float32), mask


class RandomFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, *arrays):
        if random.random() < self.p:
            arrays = [a.flip(-1) for a in arrays]
        if random.random() < self.p:
            arrays = [a.flip(-2) for a in arrays]
        return arrays


class Cells(Dataset):
    def __init__(self, count, seed, transform=None):
        rng = np.random.default_rng(seed)
        pairs = [draw(rng) for _ in range(count)]
        self.images = torch.from_numpy(np.stack([p[0] for p in pairs]))[:, None]
        self.masks = torch.from_numpy(np.stack([p[1] for p in pairs]))
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        image = (image - 0.36) / 0.16
        if self.transform is not None:
            image, mask = self.transform(image, mask)
        return image, mask


def double_conv(a, b):
    return nn.Sequential(
        nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
        nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self, width=12, classes=4):
        super().__init__()
        self.enc1 = double_conv(1, width)
        self.enc2 = double_conv(width, 2 * width)
        self.mid = double_conv(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.dec2 = double_conv(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.dec1 = double_conv(2 * width, width)
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(F.max_pool2d(e1, 2))
        m = self.mid(F.max_pool2d(e2, 2))
        d2 = self.dec2(torch.cat([self.up2(m), e2], 1))
        d1 = self.dec1(torch.cat([self.up1(d2), e1], 1))
        return self.out(d1)


@torch.no_grad()
def validate(model, loader):
    model.eval()
    loss, pixels = 0.0, 0
    inter, union = torch.zeros(4), torch.zeros(4)
    for image, mask in loader:
        logits = model(image)
        loss += F.cross_entropy(logits, mask, reduction="sum").item()
        pixels += mask.numel()
        guess = logits.argmax(1)
        for c in range(4):
            inter[c] += ((guess == c) & (mask == c)).sum()
            union[c] += ((guess == c) | (mask == c)).sum()
    model.train()
    return loss / pixels, (inter / union.clamp(min=1)).mean().item()


train_loader = DataLoader(Cells(400, 1, RandomFlip()), batch_size=16, shuffle=True)
val_loader = DataLoader(Cells(80, 2), batch_size=40)

model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
run = newllm.record(model, optimizer, out="runs/" + sys.argv[1])
for epoch in range(12):
    for image, mask in train_loader:
        loss = F.cross_entropy(model(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.step(loss)
    val_loss, miou = validate(model, val_loader)
    run.validation(val_loss)
    run.metrics({"miou": miou})
    print(f"epoch {epoch + 1}: train {loss.item():.3f} val {val_loss:.3f} mIoU {miou:.3f}", flush=True)
run.close()
