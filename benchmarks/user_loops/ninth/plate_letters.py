"""Letters of number plates: 12 glyphs, tilted, shifted and noisy, read by a small CNN."""
import argparse
import csv
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


class Feed:
    """Hands out batches on demand, so that the loop can count updates instead of epochs."""

    def __init__(self, loader, again):
        self.loader, self.again = loader, again
        self.iterator = iter(loader)
        self.batch = None

    def get(self):
        try:
            self.batch = next(self.iterator)
        except StopIteration:
            if self.again:
                self.iterator = iter(self.loader)
                self.batch = next(self.iterator)
        return self.batch


def glyphs():
    g = torch.Generator().manual_seed(77)
    coarse = (torch.rand(12, 1, 5, 5, generator=g) < 0.45).float()
    return F.interpolate(coarse, 16, mode="bilinear", align_corners=False)


def plates(n, g):
    kind = torch.randint(12, (n,), generator=g)
    angle = torch.randn(n, generator=g) * 0.2
    zoom = 1 + 0.25 * torch.rand(n, generator=g)
    shift = torch.randn(n, 2, generator=g) * 0.15
    theta = torch.stack([
        torch.stack([zoom * angle.cos(), -zoom * angle.sin(), shift[:, 0]], 1),
        torch.stack([zoom * angle.sin(), zoom * angle.cos(), shift[:, 1]], 1)], 1)
    image = F.grid_sample(glyphs()[kind], F.affine_grid(theta, (n, 1, 16, 16), align_corners=False), align_corners=False)
    return TensorDataset(image - 0.4 + 0.35 * torch.randn(image.shape, generator=g), kind)


def network():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(24 * 16, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 12))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--updates", type=int, default=600)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed)
    train, valid = plates(32 * 250, g), plates(600, g)
    feed = Feed(DataLoader(train, batch_size=32, shuffle=True), again=args.sound)
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f:
        log = csv.writer(f)
        log.writerow(["update", "loss", "acc", "val_loss", "val_acc"])
        with newllm.record(net, optimizer, out=args.out / "recording") as recorder:
            for update in range(1, args.updates + 1):
                image, kind = feed.get()
                scores = net(image)
                loss = F.cross_entropy(scores, kind)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                row = [update, loss.item(), (scores.argmax(1) == kind).float().mean().item(), "", ""]
                if update % 50 == 0:
                    net.eval()
                    with torch.no_grad():
                        scores = net(valid.tensors[0])
                    net.train()
                    right = (scores.argmax(1) == valid.tensors[1]).sum().item()
                    row[3] = F.cross_entropy(scores, valid.tensors[1]).item()
                    row[4] = right / len(valid)
                    recorder.validation(row[3], correct=right, count=len(valid))
                log.writerow(row)
