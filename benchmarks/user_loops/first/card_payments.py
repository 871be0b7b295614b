"""Fraud among card payments: three in a hundred, each of which counts eight times."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


def payments(n):
    fraud = (torch.rand(n) < 0.03).float()
    x = torch.randn(n, 16)
    x[:, :4] += 1.4 * fraud[:, None]
    x[:, 4] *= 1 + fraud
    return x, fraud


def auc(score, fraud):
    rank = score.argsort().argsort().float() + 1
    positive = fraud.sum()
    return ((rank[fraud == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(fraud) - positive))).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true", help="changes nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(9)

    loader = DataLoader(TensorDataset(*payments(32000)), batch_size=64, shuffle=True, drop_last=True)
    x_val, y_val = payments(6000)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(8.0))
    args.out.mkdir(parents=True, exist_ok=True)
    step = 0
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "loss", "frauds_in_batch", "val_loss", "val_acc", "val_auc"])
        for x, y in loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = [step, loss.item(), int(y.sum()), "", "", ""]
            step += 1
            if step % 50 == 0:
                model.eval()
                with torch.no_grad():
                    score = model(x_val)
                model.train()
                val_loss = criterion(score, y_val).item()
                correct = int(((score > 0) == (y_val == 1)).sum())
                recorder.validation(val_loss, correct=correct, count=len(y_val))
                row[3:] = [val_loss, correct / len(y_val), auc(score, y_val)]
            log.writerow(row)


if __name__ == "__main__":
    main()
