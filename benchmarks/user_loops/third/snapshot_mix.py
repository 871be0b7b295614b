"""Land cover from spectra: cyclic learning rate, a snapshot at the end of each cycle, and the mean of their weights."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

import newllm

CYCLE, CYCLES, CLASSES, BANDS = 100, 6, 9, 24


def spectra(n, g):
    base = torch.cumsum(torch.randn(CLASSES, BANDS, generator=torch.Generator().manual_seed(5)), 1) * 0.35
    y = torch.randint(CLASSES, (n,), generator=g)
    light = 0.7 + 0.6 * torch.rand(n, 1, generator=g)
    haze = torch.randn(n, 1, generator=g) * 0.5
    return light * base[y] + haze + 0.8 * torch.randn(n, BANDS, generator=g), y


def make_model():
    return nn.Sequential(
        nn.Linear(BANDS, 80),
        nn.BatchNorm1d(80),
        nn.ReLU(),
        nn.Linear(80, 80),
        nn.BatchNorm1d(80),
        nn.ReLU(),
        nn.Linear(80, CLASSES),
    )


def measure(model, x, y):
    training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(x)
    model.train(training)
    return nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(25)
    g = torch.Generator().manual_seed(25)
    x, y = spectra(12000, g)
    x_val, y_val = spectra(2000, g)
    model = make_model()
    average = AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=5e-4)
    cycle = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=CYCLE, eta_min=1e-4)
    rows = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for i in range(CYCLE * CYCLES):
            pick = torch.randint(len(x), (64,))
            loss = nn.functional.cross_entropy(model(x[pick]), y[pick], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate = cycle.get_last_lr()[0]
            cycle.step()
            recorder.step(loss)
            rows.append([i, rate, loss.item(), "", "", ""])
            if i % 25 == 24:
                val_loss, val_acc = measure(model, x_val, y_val)
                recorder.validation(val_loss, correct=round(val_acc * len(y_val)), count=len(y_val))
                rows[-1][3:5] = [val_loss, val_acc]
            if i % CYCLE == CYCLE - 1:
                average.update_parameters(model)
                update_bn(x[:4000].split(200), average)
                rows[-1][5] = measure(average, x_val, y_val)[1]
                print(i, rows[-1])
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["iter", "lr", "loss", "val_loss", "val_acc", "val_acc_average"])
        w.writerows(rows)


if __name__ == "__main__":
    main()
