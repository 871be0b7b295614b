"""Finds the two of a hundred payments that are fraud: focal loss, judged by the area under the ROC curve."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


def payments(n, g):
    fraud = torch.rand(n, generator=g) < 0.02
    x = torch.randn(n, 15, generator=g)
    x[fraud, 0] += 1.8
    x[fraud, 1] = x[fraud, 2] * 0.9 + 0.4 * x[fraud, 1]
    x[fraud, 3] = x[fraud, 3].abs() + 0.8
    x[:, 4:7] = x[:, 4:7].exp()
    return x, fraud.float()


def focal(logit, target, gamma=2.0, alpha=0.75):
    p = torch.sigmoid(logit)
    right = torch.where(target > 0, p, 1 - p)
    weight = torch.where(target > 0, alpha, 1 - alpha)
    bce = nn.functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    return (weight * (1 - right) ** gamma * bce).mean()


def auc(score, target):
    ranks = torch.empty_like(score)
    ranks[score.argsort()] = torch.arange(1, len(score) + 1, dtype=score.dtype)
    positive = target.sum()
    negative = len(target) - positive
    return ((ranks[target > 0].sum() - positive * (positive + 1) / 2) / (positive * negative)).item()


class FraudNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(15)
        self.net = nn.Sequential(nn.Linear(15, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 24), nn.ReLU())
        self.out = nn.Linear(24, 1)
        nn.init.constant_(self.out.bias, -3.0)

    def forward(self, x):
        return self.out(self.net(self.norm(x)))[:, 0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(10)
    g = torch.Generator().manual_seed(10)
    x, y = payments(60000, g)
    x_val, y_val = payments(10000, g)
    model = FraudNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    with (
        newllm.record(model, optimizer, args.out / "recording", config=args) as recorder,
        open(args.out / "log.csv", "w", newline="") as f,
    ):
        w = csv.DictWriter(f, ["step", "focal", "frauds_in_batch", "val_focal", "val_auc"])
        w.writeheader()
        for step in range(600):
            rows = torch.randint(len(x), (256,))
            model.train()
            loss = focal(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = {"step": step, "focal": loss.item(), "frauds_in_batch": int(y[rows].sum())}
            if step % 50 == 49:
                model.eval()
                with torch.no_grad():
                    score = model(x_val)
                row |= {"val_focal": focal(score, y_val).item(), "val_auc": auc(score, y_val)}
                recorder.validation(row["val_focal"])
                recorder.metrics({"val_auc": row["val_auc"]})
                print(row)
            w.writerow(row)


if __name__ == "__main__":
    main()
