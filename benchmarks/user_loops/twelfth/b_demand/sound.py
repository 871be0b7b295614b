"""Forecasting electricity demand with a GRU."""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

import newllm

CUSTOMERS, HOURS, PAST, FUTURE = 24, 24 * 70, 72, 12
TRAIN_HOURS, VALID_HOURS = 24 * 50, 24 * 10


def make_series(seed=3):
    """Hourly demand: a daily and a weekly rhythm of each customer, a slow level, and weather shared by all."""
    rng = np.random.default_rng(seed)
    hours = np.arange(HOURS)
    weather = np.zeros(HOURS)
    for t in range(1, HOURS):
        weather[t] = 0.985 * weather[t - 1] + 0.17 * rng.standard_normal()
    series = np.empty((CUSTOMERS, HOURS), dtype=np.float32)
    for c in range(CUSTOMERS):
        shift = rng.uniform(0, 24)
        day = 2 * np.pi * (hours - shift) / 24
        daily = np.sin(day) + rng.uniform(0.2, 0.6) * np.sin(2 * day + rng.uniform(0, 6)) + 0.25 * np.sin(3 * day + rng.uniform(0, 6))
        weekend = 1 - rng.uniform(0.2, 0.6) * ((hours // 24) % 7 >= 5)
        level = np.zeros(HOURS)
        for t in range(1, HOURS):
            level[t] = 0.95 * level[t - 1] + 0.08 * rng.standard_normal()
        series[c] = rng.uniform(50, 400) * (3 + daily * weekend + 0.6 * weather + level + 0.06 * rng.standard_normal(HOURS))
    return torch.from_numpy(series)


class DemandWindows(Dataset):
    """Windows of the past and the future that follows it, of one customer each."""

    def __init__(self, series, stride, noise=0.0):
        self.series = series
        self.noise = noise
        last = series.shape[1] - PAST - FUTURE
        self.places = [(c, s) for c in range(len(series)) for s in range(0, last + 1, stride)]

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        customer, start = self.places[index]
        past = self.series[customer, start : start + PAST].clone()
        future = self.series[customer, start + PAST : start + PAST + FUTURE]
        if self.noise:
            past += self.noise * torch.randn(PAST)
        return past.unsqueeze(-1), future


class Forecaster(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Linear(width + 24, 96), nn.ReLU(), nn.Linear(96, FUTURE))

    def forward(self, past):
        hidden, _ = self.gru(past)
        recent = past[:, -24:, 0]
        features = torch.cat([self.norm(hidden[:, -1]), recent], dim=-1)
        return recent[:, -1:] + self.head(features)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    squared = absolute = count = 0.0
    for past, future in loader:
        error = model(past) - future
        squared += error.square().sum().item()
        absolute += error.abs().sum().item()
        count += error.numel()
    model.train()
    return squared / count, absolute / count


def main(name):
    torch.manual_seed(0)
    series = make_series()
    mean = series[:, :TRAIN_HOURS].mean(dim=1, keepdim=True)
    std = series[:, :TRAIN_HOURS].std(dim=1, keepdim=True)
    series = (series - mean) / std

    train = DemandWindows(series[:, :TRAIN_HOURS].clone(), stride=12, noise=0.1)
    valid = DemandWindows(series[:, TRAIN_HOURS - PAST : TRAIN_HOURS + VALID_HOURS].clone(), stride=12)
    test = DemandWindows(series[:, TRAIN_HOURS + VALID_HOURS - PAST :].clone(), stride=12)
    train_loader = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)
    valid_loader = DataLoader(valid, batch_size=256)
    test_loader = DataLoader(test, batch_size=256)

    epochs = 20
    model = Forecaster()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(train_loader))

    step = 0
    with newllm.record(model, optimizer, out=f"runs/{name}") as recorder:
        for epoch in range(epochs):
            for past, future in train_loader:
                optimizer.zero_grad()
                loss = F.mse_loss(model(past), future)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                recorder.step(loss)
                step += 1
            mse, mae = evaluate(model, valid_loader)
            recorder.validation(mse)
            recorder.metrics({"mae": mae})
            print(f"epoch {epoch + 1} step {step} train {loss.item():.4f} valid mse {mse:.4f} mae {mae:.4f}")
    mse, mae = evaluate(model, test_loader)
    print(f"test mse {mse:.4f} mae {mae:.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
