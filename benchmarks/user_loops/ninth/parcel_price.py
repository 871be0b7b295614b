"""Predicts what a parcel costs to send from its weight, its size, the distance, the carrier and the zone."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm

CARRIERS, ZONES = 6, 12


def make_parcels(n, generator):
    weight = torch.exp(torch.randn(n, generator=generator) * 0.7)
    volume = weight * torch.exp(torch.randn(n, generator=generator) * 0.4)
    distance = torch.rand(n, generator=generator) * 900 + 20
    carrier = torch.randint(CARRIERS, (n,), generator=generator)
    zone = torch.randint(ZONES, (n,), generator=generator)
    table = torch.Generator().manual_seed(5)
    base = torch.rand(CARRIERS, generator=table) * 3 + 3
    per_km = torch.rand(CARRIERS, generator=table) * 0.01 + 0.004
    surcharge = torch.rand(ZONES, generator=table) * 4
    chargeable = torch.maximum(weight, volume * 0.8)
    price = base[carrier] + per_km[carrier] * distance * chargeable.sqrt() + surcharge[zone]
    price = price * torch.exp(0.08 * torch.randn(n, generator=generator))
    numbers = torch.stack([weight.log(), volume.log(), distance / 500 - 1], dim=1)
    return TensorDataset(numbers, torch.stack([carrier, zone], dim=1), price)


class PriceModel(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.carrier = nn.Embedding(CARRIERS, 8)
        self.zone = nn.Embedding(ZONES, 8)
        self.body = nn.Sequential(nn.Linear(3 + 16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
        self.mean, self.std = mean, std

    def forward(self, numbers, codes):
        x = torch.cat([numbers, self.carrier(codes[:, 0]), self.zone(codes[:, 1])], dim=1)
        return self.body(x).squeeze(1)

    def price(self, numbers, codes):
        return self(numbers, codes) * self.std + self.mean


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(100 + args.seed)

    train, valid = make_parcels(4000, generator), make_parcels(800, generator)
    mean, std = train.tensors[2].mean(), train.tensors[2].std()
    model = PriceModel(mean, std)
    decay = [p for name, p in model.named_parameters() if "body" in name and p.dim() > 1]
    rest = [p for name, p in model.named_parameters() if not ("body" in name and p.dim() > 1)]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}], lr=2e-3)
    loader = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)
    total = args.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min(1.0, (i + 1) / 40) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * i / total))))

    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "log.csv", "w", newline="") as file, \
            newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        log = csv.writer(file)
        log.writerow(["epoch", "train_loss", "val_loss", "val_mae", "lr"])
        for epoch in range(args.epochs):
            model.train()
            running = 0.0
            for numbers, codes, price in loader:
                loss = nn.functional.mse_loss(model(numbers, codes), (price - mean) / std)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                recorder.step(loss)
                schedule.step()
                running += loss.item()
            model.eval()
            with torch.no_grad():
                numbers, codes, price = valid.tensors
                predicted = model(numbers, codes)
                val = nn.functional.mse_loss(predicted, (price - mean) / std).item()
                mae = (predicted * std + mean - price).abs().mean().item()
            recorder.validation(val)
            log.writerow([epoch + 1, running / len(loader), val, mae, schedule.get_last_lr()[0]])


if __name__ == "__main__":
    main()
