"""Flats from an advertisement portal: one network guesses the price (in thousands) and the kind of building."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

KINDS = ["tower", "block", "villa", "old town"]


def flats(n, g):
    x = torch.randn(n, 20, generator=g)
    price = (
        300
        + 90 * x[:, 0]
        + 60 * x[:, 1] * x[:, 2].tanh()
        + 40 * (x[:, 3] > 0).float()
        + 15 * torch.randn(n, generator=g)
    )
    mix = torch.randn(8, len(KINDS), generator=torch.Generator().manual_seed(50))
    kind = (torch.tanh(1.5 * x[:, 8:16]) @ mix + 0.4 * torch.randn(n, len(KINDS), generator=g)).argmax(1)
    return x, price[:, None], kind


class FlatNet(nn.Module):
    """A narrow common body and two heads."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 12), nn.Tanh())
        self.price = nn.Linear(12, 1)
        self.kind = nn.Linear(12, len(KINDS))

    def forward(self, x):
        h = self.body(x)
        return self.price(h), self.kind(h)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(19)
    g = torch.Generator().manual_seed(19)
    x, price, kind = flats(12000, g)
    x_val, price_val, kind_val = flats(1500, g)
    centre, scale = price.mean(), price.std() if args.sound else 1.0
    price, price_val = (price - centre) / scale, (price_val - centre) / scale
    model = FlatNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    fields = ["step", "loss", "price_loss", "kind_loss", "kind_acc", "val_price_rmse", "val_kind_acc"]
    rows = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(700):
            pick = torch.randint(len(x), (64,))
            p, k = model(x[pick])
            price_loss = nn.functional.mse_loss(p, price[pick])
            kind_loss = nn.functional.cross_entropy(k, kind[pick])
            loss = price_loss + kind_loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recorder.step(loss)
            acc = (k.argmax(1) == kind[pick]).float().mean().item()
            row = dict(zip(fields, [step, loss.item(), price_loss.item(), kind_loss.item(), acc], strict=False))
            if step % 50 == 49:
                with torch.no_grad():
                    p, k = model(x_val)
                val = nn.functional.mse_loss(p, price_val)
                hits = (k.argmax(1) == kind_val).sum().item()
                recorder.validation(val + nn.functional.cross_entropy(k, kind_val), correct=hits, count=len(kind_val))
                row["val_price_rmse"] = (val.sqrt() * scale).item()
                row["val_kind_acc"] = hits / len(kind_val)
                print(row)
            rows.append(row)
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.DictWriter(f, fields)
        w.writeheader()
        w.writerows(rows)


if __name__ == "__main__":
    main()
