"""How many loaves the shops will sell in the next seven days, from four weeks of sales: a GRU over daily sales."""

import argparse
import csv
import pathlib

import numpy as np
import torch
from torch import nn

import newllm

PAST, AHEAD, SHOPS, DAYS = 28, 7, 40, 700


def sales(seed):
    rng = np.random.default_rng(seed)
    day = np.arange(DAYS)
    rows = []
    for _ in range(SHOPS):
        week = rng.normal(0, 0.25, 7)
        level = rng.uniform(3.5, 5.5) + 0.15 * np.sin(2 * np.pi * day / 365 + rng.uniform(0, 6.28))
        promo = (rng.random(DAYS) < 0.08).astype(float)
        drift = np.zeros(DAYS)
        for t in range(1, DAYS):
            drift[t] = 0.9 * drift[t - 1] + rng.normal(0, 0.05)
        value = np.exp(level + week[day % 7] + 0.4 * promo + drift)
        rows.append(np.stack([np.log1p(rng.poisson(value)), promo], axis=1))
    return torch.tensor(np.stack(rows), dtype=torch.float32)


class Forecaster(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.rnn = nn.GRU(2, width, batch_first=True)
        self.head = nn.Sequential(nn.Linear(width + AHEAD, width), nn.ReLU(), nn.Linear(width, AHEAD))

    def forward(self, past, promo_ahead):
        level = past[:, :, :1].mean(dim=1, keepdim=True)
        inside = torch.cat([past[:, :, :1] - level, past[:, :, 1:]], dim=2)
        _, h = self.rnn(inside)
        return self.head(torch.cat([h[-1], promo_ahead], dim=1)) + level[:, 0]


def windows(series, starts, shops):
    past = torch.stack([series[s, t:t + PAST] for s, t in zip(shops, starts)])
    ahead = torch.stack([series[s, t + PAST:t + PAST + AHEAD] for s, t in zip(shops, starts)])
    return past, ahead[:, :, 1], ahead[:, :, 0]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=pathlib.Path, required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--seed", type=int, default=21)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    series = sales(args.seed)
    split = 560
    # the last 140 days are for validation: each window's targets lie after the training period
    val_shops = torch.arange(SHOPS).repeat(6)
    val_starts = torch.arange(6).repeat_interleave(SHOPS) * 19 + split
    validation = windows(series, val_starts.tolist(), val_shops.tolist())

    model = Forecaster()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
    steps, micro = 500, 2
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-4)
    args.out.mkdir(parents=True, exist_ok=True)
    log_file = (args.out / "log.csv").open("w", newline="")
    log = csv.writer(log_file)
    log.writerow(["step", "loss", "val_loss", "val_mape", "lr"])
    with newllm.record(model, optimizer, out=args.out / "recording", config={"past": PAST, "micro": micro}) as recorder:
        for step in range(1, steps + 1):
            optimizer.zero_grad()
            total = 0.0
            for _ in range(micro):
                shops = torch.randint(SHOPS, (32,)).tolist()
                starts = torch.randint(split - PAST - AHEAD, (32,)).tolist()
                past, promo, target = windows(series, starts, shops)
                loss = nn.functional.l1_loss(model(past, promo), target) / micro
                loss.backward()
                total += loss.item()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recorder.step(total)
            scheduler.step()
            row = [step, total, "", "", scheduler.get_last_lr()[0]]
            if step % 50 == 0:
                model.eval()
                with torch.no_grad():
                    past, promo, target = validation
                    guess = model(past, promo)
                    row[2] = nn.functional.l1_loss(guess, target).item()
                    row[3] = ((guess.expm1() - target.expm1()).abs() / target.expm1().clamp(min=1)).mean().item()
                model.train()
                recorder.validation(row[2])
            log.writerow(row)
    log_file.close()


if __name__ == "__main__":
    main()
