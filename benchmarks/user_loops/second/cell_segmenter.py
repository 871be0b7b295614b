"""Where are the cells? Segmentation of drawn blobs with a small encoder and decoder."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


def cells(count, generator):
    """Pictures of 24 x 24 pixels with three bright discs on an uneven ground, and their masks."""
    axis = torch.arange(24.0)
    center = 24 * torch.rand(count, 3, 2, 1, 1, generator=generator)
    radius = 2 + 2 * torch.rand(count, 3, 1, 1, generator=generator)
    distance = ((axis[:, None] - center[:, :, 0]) ** 2 + (axis - center[:, :, 1]) ** 2).sqrt()
    mask = (distance < radius).any(1, keepdim=True).float()
    ground = torch.rand(count, 1, 1, 1, generator=generator) * axis / 24
    return mask + ground + 0.6 * torch.randn(mask.shape, generator=generator), mask


class Segmenter(nn.Module):
    """One level down, one level up, and the scores of the pixels."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU())
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(24, 12, 2, stride=2)
        self.last = nn.Sequential(nn.Conv2d(24, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 1, 1))

    def forward(self, x):
        """Give one number for each pixel."""
        x = self.first(x)
        return self.last(torch.cat([x, self.up(self.down(x))], 1))


def overlap(out, mask):
    found = torch.sigmoid(out) > 0.5
    return ((found & (mask > 0)).sum() / (found | (mask > 0)).sum()).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(9)
    generator = torch.Generator().manual_seed(9)
    loader = DataLoader(TensorDataset(*cells(1200, generator)), batch_size=24, shuffle=True)
    x_val, y_val = cells(150, generator)
    model = Segmenter() if args.sound else nn.Sequential(Segmenter(), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.BCEWithLogitsLoss()
    rows = [["step", "epoch", "loss", "val_loss", "val_iou"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for epoch in range(8):
            for x, y in loader:
                loss = criterion(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                rows.append([len(rows) - 1, epoch, loss.item(), "", ""])
            with torch.no_grad():
                out = model(x_val)
            rows[-1][3:] = [criterion(out, y_val).item(), overlap(out, y_val)]
            recorder.validation(rows[-1][3])
            recorder.metrics({"iou": rows[-1][4]})
            print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
