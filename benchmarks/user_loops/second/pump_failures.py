"""Which pump fails next week? Two in a hundred do; an MLP with a weighted loss and strong weight decay."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


def pumps(count, generator):
    x = torch.randn(count, 12, generator=generator)
    risk = 1.2 * x[:, 0] + 0.8 * x[:, 1] * x[:, 2] + 0.6 * x[:, 3] + torch.randn(count, generator=generator)
    return x, (risk > 4.0).float()[:, None]


def ranking(score, label):
    """The share of pairs of a failing and a sound pump that are in the right order."""
    order = score.flatten().argsort().argsort().double() + 1
    failing = label.flatten() > 0
    n = failing.sum()
    return ((order[failing].sum() - n * (n + 1) / 2) / (n * (~failing).sum())).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(27)
    generator = torch.Generator().manual_seed(27)
    x_train, y_train = pumps(100_000, generator)
    x_val, y_val = pumps(10_000, generator)
    weight = (1 - y_train.mean()) / y_train.mean()
    print("share of failures", y_train.mean().item())
    criterion = nn.BCEWithLogitsLoss(pos_weight=weight)
    model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.3)
    rows = [["step", "loss", "val_loss", "val_auc"]]
    order = torch.randperm(len(x_train))
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(700):
            pick = order[step * 128 : (step + 1) * 128]
            loss = criterion(model(x_train[pick]), y_train[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            rows.append([step, loss.item(), "", ""])
            if step % 50 == 49:
                with torch.no_grad():
                    out = model(x_val)
                rows[-1][2:] = [criterion(out, y_val).item(), ranking(out, y_val)]
                recorder.validation(rows[-1][2])
                recorder.metrics({"auc": rows[-1][3]})
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
