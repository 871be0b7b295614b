"""Segment cells in synthetic fluorescence microscopy pictures with a small U-Net."""
import sys

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

import newllm.lightning

SIZE = 48


def make_picture(rng):
    """A picture with a few elliptic cells, uneven light, debris and shot noise, and the mask of the cells."""
    yy, xx = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    mask = np.zeros((SIZE, SIZE), np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    picture = 0.25 + 0.15 * (np.cos(angle) * xx + np.sin(angle) * yy) / SIZE
    for _ in range(rng.integers(3, 8)):
        cy, cx = rng.uniform(2, SIZE - 2, size=2)
        a, b = rng.uniform(3.5, 8.0, size=2)
        t = rng.uniform(0, np.pi)
        u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
        v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
        r = (u / a) ** 2 + (v / b) ** 2
        cell = r < 1
        mask[cell] = 1
        picture = picture + np.where(cell, rng.uniform(0.12, 0.4) * (1 - 0.5 * r), 0)
    for _ in range(rng.integers(4, 12)):
        cy, cx = rng.uniform(0, SIZE, size=2)
        s = rng.uniform(0.6, 1.3)
        picture = picture + rng.uniform(0.3, 0.7) * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / (2 * s * s))
    picture = rng.poisson(np.clip(picture, 0, None) * 60) / 60 + rng.normal(0, 0.03, (SIZE, SIZE))
    return picture.astype(np.float32), mask


class RandomFlipRotate:
    """Flips along either axis and turns by a multiple of 90 degrees, at random."""

    def __call__(self, x):
        if torch.rand(()) < 0.5:
            x = x.flip(-1)
        if torch.rand(()) < 0.5:
            x = x.flip(-2)
        return torch.rot90(x, int(torch.randint(0, 4, ())), dims=(-2, -1))


class Cells(Dataset):
    def __init__(self, n, seed, transform=None):
        rng = np.random.default_rng(seed)
        pictures, masks = zip(*(make_picture(rng) for _ in range(n)))
        self.pictures = torch.from_numpy(np.stack(pictures))[:, None]
        self.masks = torch.from_numpy(np.stack(masks))[:, None]
        self.transform = transform

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, i):
        picture, mask = self.pictures[i], self.masks[i]
        if self.transform is not None:
            picture, mask = self.transform(torch.stack([picture, mask]))
        return (picture - 0.4) / 0.2, mask


def block(n_in, n_out):
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True),
        nn.Conv2d(n_out, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down1 = block(1, width)
        self.down2 = block(width, 2 * width)
        self.middle = block(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.dec2 = block(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.dec1 = block(2 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.middle(F.max_pool2d(b, 2))
        b = self.dec2(torch.cat([self.up2(c), b], dim=1))
        a = self.dec1(torch.cat([self.up1(b), a], dim=1))
        return self.out(a)


class Segmenter(L.LightningModule):
    def __init__(self, lr=3e-3, total_steps=400):
        super().__init__()
        self.save_hyperparameters()
        self.net = UNet()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        x, y = batch
        loss = F.binary_cross_entropy_with_logits(self(x), y)
        self.log("train_loss", loss)
        return loss

    def on_validation_epoch_start(self):
        self.overlap = self.union = 0.0

    def validation_step(self, batch, _):
        x, y = batch
        logits = self(x)
        predicted = logits > 0
        self.overlap += (predicted & (y > 0.5)).sum().item()
        self.union += (predicted | (y > 0.5)).sum().item()
        self.log("val_loss", F.binary_cross_entropy_with_logits(logits, y))

    def on_validation_epoch_end(self):
        self.log("val_iou", self.overlap / max(self.union, 1.0))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=1e-4)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.hparams.lr, total_steps=self.hparams.total_steps
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class PrintMetrics(L.Callback):
    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            values = {k: round(float(v), 4) for k, v in trainer.callback_metrics.items()}
            print(trainer.global_step, values, flush=True)


def main():
    torch.set_num_threads(1)
    L.seed_everything(7)
    train = Cells(400, seed=1, transform=RandomFlipRotate())
    val = Cells(120, seed=2)
    train_loader = DataLoader(train, batch_size=16, shuffle=True, drop_last=True)
    val_loader = DataLoader(val, batch_size=40)

    epochs = 16
    module = Segmenter(total_steps=epochs * len(train_loader))
    trainer = L.Trainer(
        max_epochs=epochs, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
        callbacks=[newllm.lightning.Recorder(out="runs/" + sys.argv[1]), PrintMetrics()],
    )
    trainer.fit(module, train_loader, val_loader)


if __name__ == "__main__":
    main()
