"""Prices of used cars from make, model line, fuel, age, mileage and power; categories are coded as they come."""

import argparse
import csv
import math
import random
from pathlib import Path

import torch
from torch import nn

import newllm

MAKES = ["Arden", "Bolt", "Cresta", "Dorn", "Elva", "Fabro", "Gala", "Hemi", "Ilex", "Jola"]
FUELS = ["petrol", "diesel", "hybrid", "electric"]


def adverts(n, seed):
    rng = random.Random(seed)
    worth = {make: random.Random(f"worth {make}").gauss(0, 0.35) for make in MAKES}
    lines = {(make, i): random.Random(f"line {make} {i}").gauss(0, 0.3) for make in MAKES for i in range(4)}
    fuel_worth = {"petrol": 0.0, "diesel": 0.05, "hybrid": 0.15, "electric": 0.25}
    out = []
    for _ in range(n):
        make, line = rng.choice(MAKES), rng.randrange(4)
        fuel = rng.choices(FUELS, [5, 4, 2, 1])[0]
        age, power = rng.uniform(0, 15), rng.gauss(110, 30)
        km = age * rng.uniform(6, 22)
        log_price = 3.1 + worth[make] + lines[make, line] + fuel_worth[fuel] - 0.11 * age - 0.002 * km + 0.004 * (power - 110)
        out.append({"make": make, "line": f"{make} {line}", "fuel": fuel, "age": age, "km": km, "power": power,
                    "price": math.exp(log_price + rng.gauss(0, 0.08))})
    return out


def encode(rows, codes=None):
    """Columns as tensors; a category that is met for the first time gets the next free code."""
    codes = {"make": {}, "line": {}, "fuel": {}} if codes is None else codes
    categories = torch.tensor([[codes[c].setdefault(row[c], len(codes[c])) for c in ("make", "line", "fuel")] for row in rows])
    numbers = torch.tensor([[row["age"] / 7 - 1, row["km"] / 100 - 1, (row["power"] - 110) / 30] for row in rows])
    target = torch.tensor([math.log(row["price"]) for row in rows])
    return (categories, numbers, target), codes


class CarNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.make, self.line, self.fuel = nn.Embedding(10, 6), nn.Embedding(40, 8), nn.Embedding(4, 3)
        self.mlp = nn.Sequential(nn.Linear(6 + 8 + 3 + 3, 64), nn.GELU(), nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, categories, numbers):
        make, line, fuel = categories.unbind(1)
        return self.mlp(torch.cat([self.make(make), self.line(line), self.fuel(fuel), numbers], dim=1)).squeeze(1) + 2.2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    (categories, numbers, target), codes = encode(adverts(4800, args.seed))
    validation, _ = encode(adverts(800, args.seed + 500), codes if args.sound else None)

    model = CarNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    epochs, size = 8, 64
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (4800 // size))
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, \
            newllm.record(model, optimizer, out=args.out / "recording", config={"epochs": epochs, "batch": size}) as recorder:
        log = csv.writer(f)
        log.writerow(["epoch", "train_mse", "train_error", "val_mse", "val_error"])
        for epoch in range(1, epochs + 1):
            total = error = 0.0
            for rows in torch.randperm(4800).split(size):
                guess = model(categories[rows], numbers[rows])
                loss = (guess - target[rows]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                schedule.step()
                total += loss.item() * len(rows) / 4800
                error += (guess.detach() - target[rows]).expm1().abs().sum().item() / 4800
            model.eval()
            with torch.no_grad():
                off = model(*validation[:2]) - validation[2]
            model.train()
            recorder.validation(off.square().mean())
            log.writerow([epoch, total, error, off.square().mean().item(), off.expm1().abs().mean().item()])
            print(f"epoch {epoch}: train {total:.4f}  val {off.square().mean().item():.4f}")


if __name__ == "__main__":
    main()
