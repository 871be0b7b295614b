"""Where in the picture is the bottle? A CNN gives centre and size of the box around it; pictures are mirrored at random."""
import argparse
import csv
from pathlib import Path

import torch
from torch import nn
import torch.nn.functional as F

import newllm

SIDE = 24


def pictures(n, g):
    axis = (torch.arange(SIDE) + 0.5) / SIDE
    centre = 0.2 + 0.6 * torch.rand(n, 2, generator=g)
    size = torch.stack([0.12 + 0.12 * torch.rand(n, generator=g), 0.25 + 0.2 * torch.rand(n, generator=g)], dim=1)

    def bar(at, width):
        return torch.sigmoid((width[:, None] / 2 - (axis[None] - at[:, None]).abs()) * 80)

    body = bar(centre[:, 1], size[:, 1])[:, :, None] * bar(centre[:, 0], size[:, 0])[:, None, :]
    clutter = F.interpolate(torch.randn(n, 1, 6, 6, generator=g), SIDE, mode="bilinear", align_corners=False)[:, 0]
    image = 1.5 * body + 0.3 * clutter + 0.25 * torch.randn(n, SIDE, SIDE, generator=g)
    return image[:, None], torch.cat([centre, size], dim=1)


class Finder(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 1
        for width in (12, 24, 32):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.GroupNorm(4, width), nn.SiLU(), nn.MaxPool2d(2)]
            channels = width
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.box = nn.Sequential(nn.Linear(32 * 9, 64), nn.SiLU(), nn.Linear(64, 4), nn.Sigmoid())

    def forward(self, x):
        return self.box(self.features(x))


def iou(a, b):
    a0, a1, b0, b1 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    common = (torch.minimum(a1, b1) - torch.maximum(a0, b0)).clamp(min=0).prod(1)
    return common / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - common)


def augment(image, box, g, move_box):
    mirrored = torch.rand(len(image), generator=g) < 0.5
    image = torch.where(mirrored[:, None, None, None], image.flip(-1), image)
    if move_box:
        box = box.clone()
        box[mirrored, 0] = 1 - box[mirrored, 0]
    return image * (0.8 + 0.4 * torch.rand(len(image), 1, 1, 1, generator=g)), box


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=35)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed)
    images, boxes = pictures(3200, g)
    val_images, val_boxes = pictures(400, g)
    finder = Finder()
    optimizer = torch.optim.Adam(finder.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f:
        log = csv.writer(f)
        log.writerow(["epoch", "lr", "train_loss", "train_iou", "val_loss", "val_iou"])
        with newllm.record(finder, optimizer, out=args.out / "recording") as recorder:
            for epoch in range(1, 7):
                losses, overlaps = [], []
                for rows in torch.randperm(3200, generator=g).split(40):
                    image, box = augment(images[rows], boxes[rows], g, move_box=args.sound)
                    guess = finder(image)
                    loss = F.smooth_l1_loss(guess, box, beta=0.05)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    recorder.step(loss)
                    losses.append(loss.item())
                    overlaps.append(iou(guess.detach(), box).mean().item())
                finder.eval()
                with torch.no_grad():
                    guess = finder(val_images)
                finder.train()
                val = F.smooth_l1_loss(guess, val_boxes, beta=0.05).item()
                overlap = iou(guess, val_boxes).mean().item()
                recorder.validation(val)
                recorder.metrics({"val_iou": overlap})
                log.writerow([epoch, optimizer.param_groups[0]["lr"], sum(losses) / len(losses), sum(overlaps) / len(overlaps),
                              val, overlap])
                schedule.step()


if __name__ == "__main__":
    main()
