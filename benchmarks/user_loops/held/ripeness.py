"""Ripeness of tomatoes (0 green, 1 red) from their colour channels at eight places."""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import newllm


def measure(n, seed):
    """A table as it comes from the sorting machine: 24 colour values and the ripeness that people gave."""
    rng = np.random.default_rng(seed)
    ripeness = rng.beta(1.6, 1.6, size=n).clip(0, 0.999)
    sun = rng.normal(size=(n, 1)) * 0.4
    slope = np.random.default_rng(0).normal(size=(1, 24))
    colours = np.tanh(2 * (ripeness[:, None] - 0.5) * slope + sun) + 0.3 * rng.normal(size=(n, 24))
    return colours, ripeness


class Tomatoes(Dataset):
    def __init__(self, n, seed, kind):
        colours, ripeness = measure(n, seed)
        self.x = torch.as_tensor(colours, dtype=torch.float32)
        self.y = torch.as_tensor(ripeness, dtype=kind)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(13)
    kind = torch.float32 if args.sound else torch.long
    train = DataLoader(Tomatoes(4000, 1, kind), batch_size=50, shuffle=True)
    valid = DataLoader(Tomatoes(1000, 2, kind), batch_size=250)
    model = nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    log = [["epoch", "step", "train_mse", "valid_mse"]]
    step = 0
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for epoch in range(7):
            model.train()
            for x, y in train:
                prediction = model(x).squeeze(1)
                loss = nn.functional.mse_loss(prediction, y.float())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                log.append([epoch, step, loss.item(), ""])
                step += 1
            model.eval()
            with torch.no_grad():
                errors = [nn.functional.mse_loss(model(x).squeeze(1), y.float()).item() for x, y in valid]
            log[-1][-1] = sum(errors) / len(errors)
            recorder.validation(log[-1][-1])
            print(f"epoch {epoch} train {loss.item():.5f} valid {log[-1][-1]:.5f}")
    colours, ripeness = measure(1000, 3)
    with torch.no_grad():
        guess = model(torch.as_tensor(colours, dtype=torch.float32))[:, 0].numpy()
    print("mean error on the machine's own table:", np.abs(guess - ripeness).mean())
    with open(args.out / "log.csv", "w", newline="") as f:
        csv.writer(f).writerows(log)


if __name__ == "__main__":
    main()
