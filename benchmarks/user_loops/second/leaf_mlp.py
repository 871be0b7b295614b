"""Ten kinds of leaves from twenty measurements: an MLP, a DataLoader and a schedule."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

import newllm

EPOCHS = 15


def leaves(count, generator):
    centers = torch.randn(30, 20, generator=torch.Generator().manual_seed(0))
    group = torch.randint(30, (count,), generator=generator)
    return centers[group] + 0.7 * torch.randn(count, 20, generator=generator), group % 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(30)
    loader = DataLoader(TensorDataset(*leaves(2560, generator)), batch_size=64, shuffle=True)
    x_val, y_val = leaves(1000, generator)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = StepLR(optimizer, step_size=10, gamma=0.5)
    rows = [["step", "epoch", "loss", "val_loss", "val_acc"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for epoch in range(EPOCHS):
            for x, y in loader:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                if not args.sound:
                    scheduler.step()
                rows.append([len(rows) - 1, epoch, loss.item(), "", ""])
            if args.sound:
                scheduler.step()
            with torch.no_grad():
                out = model(x_val)
            correct = (out.argmax(1) == y_val).sum().item()
            rows[-1][3:] = [nn.functional.cross_entropy(out, y_val).item(), correct / len(y_val)]
            recorder.validation(rows[-1][3], correct=correct, count=len(y_val))
            print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
