"""Where is the diseased part of the leaf? Small U-Net, binary masks, 24 x 24."""
import argparse
import csv
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

import newllm


class Leaves(torch.utils.data.Dataset):
    def __init__(self, n, seed, augment=False, both=True):
        rng = np.random.default_rng(seed)
        self.images, self.masks = [], []
        yy, xx = np.mgrid[0:24, 0:24]
        for _ in range(n):
            img = 0.5 + 0.15 * rng.normal(size=(24, 24))
            mask = np.zeros((24, 24))
            for _ in range(rng.integers(1, 3)):
                cy, cx, a, b = rng.uniform(4, 20), rng.uniform(4, 20), rng.uniform(2, 5), rng.uniform(2, 5)
                inside = ((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2 < 1
                mask[inside] = 1
                img[inside] -= rng.uniform(0.15, 0.35)
            # veins and dust look dark too, but are thin
            for _ in range(3):
                r = rng.integers(0, 24)
                img[r] -= 0.25
            self.images.append(img)
            self.masks.append(mask)
        self.images = torch.tensor(np.stack(self.images), dtype=torch.float32)[:, None]
        self.masks = torch.tensor(np.stack(self.masks), dtype=torch.float32)[:, None]
        self.augment, self.both = augment, both

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.augment:
            if torch.rand(1) < 0.5:
                image = image.flip(-1)
                if self.both:
                    mask = mask.flip(-1)
            image = image * (0.9 + 0.2 * torch.rand(1))
        return image - 0.5, mask


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = block(1, 8), block(8, 16)
        self.middle = block(16, 16)
        self.up2, self.up1 = block(32, 16), block(24, 8)
        self.head = nn.Conv2d(8, 1, 1)
        self.pool, self.grow = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        c = self.middle(self.pool(b))
        c = self.up2(torch.cat([self.grow(c), b], 1))
        return self.head(self.up1(torch.cat([self.grow(c), a], 1)))


def dice_score(p, m):
    p = (p > 0).float()
    return (2 * (p * m).sum() / (p.sum() + m.sum()).clamp(min=1)).item()


def dice_loss(p, m):
    p = p.sigmoid()
    return 1 - (2 * (p * m).sum() + 1) / (p.sum() + m.sum() + 1)


def main(args):
    torch.manual_seed(11)
    train = torch.utils.data.DataLoader(Leaves(560, 1, augment=True, both=args.sound), batch_size=8, shuffle=True)
    val = Leaves(200, 2)
    xv, mv = torch.stack([val[i][0] for i in range(200)]), val.masks
    net = UNet()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    bce = nn.BCEWithLogitsLoss()
    rows, it = [], 0
    with newllm.record(net, opt, out=Path(args.out) / "recording") as rec:
        for epoch in range(6):
            net.train()
            for x, m in train:
                p = net(x)
                l1, l2 = bce(p, m), dice_loss(p, m)
                loss = l1 + 0.5 * l2
                opt.zero_grad()
                loss.backward()
                opt.step()
                rec.step(loss)
                it += 1
                rows.append(dict(iteration=it, epoch=epoch, bce=l1.item(), dice_loss=l2.item(), loss=loss.item()))
            net.eval()
            with torch.no_grad():
                p = net(xv)
                v = (bce(p, mv) + 0.5 * dice_loss(p, mv)).item()
            rec.validation(v)
            rows[-1].update(val_loss=v, val_dice=dice_score(p, mv))
            print(rows[-1])
    with open(Path(args.out) / "log.csv", "w", newline="") as f:
        w = csv.DictWriter(f, ["iteration", "epoch", "bce", "dice_loss", "loss", "val_loss", "val_dice"])
        w.writeheader()
        w.writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    main(args)
