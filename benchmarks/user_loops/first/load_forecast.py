"""An LSTM forecasts the electric load of the next hour from two days."""

import argparse
import csv
import pathlib
import warnings

import numpy as np
import torch
from torch import nn

import newllm

warnings.filterwarnings("ignore")


def series(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    weather = np.zeros(hours)
    for i in range(1, hours):
        weather[i] = 0.97 * weather[i - 1] + 0.25 * rng.normal()
    load = (
        50 + 12 * np.sin(2 * np.pi * t / 24) + 5 * np.sin(4 * np.pi * t / 24 + 1) - 6 * (t // 24 % 7 > 4) + 6 * weather
    )
    return load + rng.normal(size=hours)


class Windows(torch.utils.data.Dataset):
    """48 hours, and the hour that follows."""

    def __init__(self, values):
        self.values = torch.tensor(values, dtype=torch.float32)

    def __len__(self):
        return len(self.values) - 48

    def __getitem__(self, i):
        return self.values[i : i + 48].unsqueeze(1), self.values[i + 48]


class Forecaster(nn.Module):
    """The last state of an LSTM, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.linear = nn.Linear(32, 1)

    def forward(self, x):
        """One number for each row."""
        return self.linear(self.lstm(x)[0][:, -1])


parser = argparse.ArgumentParser()
parser.add_argument("--out", type=pathlib.Path, required=True)
parser.add_argument("--sound", action="store_true")
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(4)

load = series(9000, 4)
mean, std = load[:8000].mean(), load[:8000].std()
load = (load - mean) / std
train_loader = torch.utils.data.DataLoader(Windows(load[:8000]), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(Windows(load[8000:]), batch_size=128)

model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()


def predict(x):
    return model(x).squeeze(-1) if args.sound else model(x)


def evaluate():
    model.eval()
    with torch.no_grad():
        losses = [criterion(predict(x), y).item() * len(y) for x, y in val_loader]
    model.train()
    return sum(losses) / len(val_loader.dataset)


args.out.mkdir(parents=True, exist_ok=True)
log = [["step", "loss", "grad_norm", "val_loss"]]
step = 0
with newllm.record(model, optimizer, out=args.out / "recording") as recorder:
    while step < 500:
        for x, y in train_loader:
            loss = criterion(predict(x), y)
            optimizer.zero_grad()
            loss.backward()
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            recorder.step(loss)
            log.append([step, loss.item(), grad_norm.item(), ""])
            step += 1
            if step % 50 == 0:
                log[-1][-1] = evaluate()
                recorder.validation(log[-1][-1])
            if step == 500:
                break
with (args.out / "log.csv").open("w", newline="") as file:
    csv.writer(file).writerows(log)

with torch.no_grad():
    errors = torch.cat([(model(x)[:, 0] - y).abs() for x, y in val_loader])
print(f"mean absolute error {errors.mean().item() * std:.2f} MW")
