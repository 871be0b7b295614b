"""Segment cells in microscope-like pictures with a small U-Net."""
import random
import sys

import newllm
import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
random.seed(4)
np.random.seed(4)
torch.manual_seed(4)

SIZE = 48


def draw_picture(rng):
    """A grey picture with cells of different brightness, debris that is not a cell, uneven light; and the mask of the cells."""
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    image = np.zeros((SIZE, SIZE))
    mask = np.zeros((SIZE, SIZE))
    for _ in range(rng.integers(3, 8)):
        cy, cx = rng.uniform(3, SIZE - 3, 2)
        a, b = rng.uniform(3.5, 7.5, 2)
        angle = rng.uniform(0, np.pi)
        u = (xs - cx) * np.cos(angle) + (ys - cy) * np.sin(angle)
        v = (ys - cy) * np.cos(angle) - (xs - cx) * np.sin(angle)
        radius = np.sqrt((u / a) ** 2 + (v / b) ** 2)
        inside = radius < 1
        brightness = rng.uniform(0.35, 0.9)
        image[inside] = np.maximum(image, brightness * (0.6 + 0.4 * radius))[inside]
        mask[inside] = 1
    for _ in range(rng.integers(4, 10)):
        cy, cx = rng.integers(1, SIZE - 2, 2)
        image[cy:cy + 2, cx:cx + 2] = rng.uniform(0.5, 1.0)
    light = rng.normal(0, 0.25, 2)
    image = ndimage.gaussian_filter(image, 0.8) + light[0] * (xs / SIZE - 0.5) + light[1] * (ys / SIZE - 0.5)
    return (image + rng.normal(0, 0.12, image.shape)).astype(np.float32), mask.astype(np.float32)


class RandomOrientation:
    """One of the eight orientations of a square, by chance: a cell looks the same from each side."""

    def __call__(self, *arrays):
        turns, mirror = random.randrange(4), random.random() < 0.5
        turned = [torch.rot90(array, turns, (-2, -1)) for array in arrays]
        if mirror:
            turned = [torch.flip(array, (-1,)) for array in turned]
        return turned if len(turned) > 1 else turned[0]


class CellPictures(Dataset):
    def __init__(self, count, seed, transform=None):
        rng = np.random.default_rng(seed)
        pairs = [draw_picture(rng) for _ in range(count)]
        self.images = torch.from_numpy(np.stack([image for image, _ in pairs]))[:, None]
        self.masks = torch.from_numpy(np.stack([mask for _, mask in pairs]))[:, None]
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, mask = self.images[index], self.masks[index]
        if self.transform is not None:
            image, mask = self.transform(image, mask)
        return (image - 0.2) / 0.3, mask


def block(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, width=10):
        super().__init__()
        self.down1, self.down2, self.bottom = block(1, width), block(width, 2 * width), block(2 * width, 4 * width)
        self.up2, self.up1 = block(6 * width, 2 * width), block(3 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.bottom(F.max_pool2d(b, 2))
        b = self.up2(torch.cat([F.interpolate(c, scale_factor=2.0), b], 1))
        a = self.up1(torch.cat([F.interpolate(b, scale_factor=2.0), a], 1))
        return self.out(a)


def criterion(logits, masks):
    probability = torch.sigmoid(logits)
    overlap = (probability * masks).sum((1, 2, 3))
    dice = (2 * overlap + 1) / (probability.sum((1, 2, 3)) + masks.sum((1, 2, 3)) + 1)
    return F.binary_cross_entropy_with_logits(logits, masks) + (1 - dice).mean()


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    losses, intersection, union = [], 0.0, 0.0
    for images, masks in loader:
        logits = model(images)
        losses.append(criterion(logits, masks).item())
        found = logits > 0
        intersection += (found & (masks > 0.5)).sum().item()
        union += (found | (masks > 0.5)).sum().item()
    model.train()
    return sum(losses) / len(losses), intersection / max(union, 1)


def main(name):
    train_loader = DataLoader(CellPictures(480, seed=1, transform=RandomOrientation()), batch_size=16, shuffle=True, drop_last=True)
    valid_loader = DataLoader(CellPictures(160, seed=2), batch_size=16)
    model = UNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    epochs = 18
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train_loader))
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for epoch in range(epochs):
            for images, masks in train_loader:
                loss = criterion(model(images), masks)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                recorder.step(loss)
            valid_loss, iou = evaluate(model, valid_loader)
            recorder.validation(valid_loss)
            recorder.metrics({"iou": iou})
            print(f"epoch {epoch + 1:2d}  train {loss.item():.3f}  valid {valid_loss:.3f}  iou {iou:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
