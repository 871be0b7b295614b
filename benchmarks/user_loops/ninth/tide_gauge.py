"""Water level at a quay six hours ahead, from two days of hourly levels; trained in two jobs of 300 updates."""
import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn

import newllm

TOTAL, JOB = 600, 300


def levels(hours, generator):
    t = torch.arange(float(hours))
    tide = 1.2 * torch.sin(2 * math.pi * t / 12.42) + 0.4 * torch.sin(2 * math.pi * t / 12.0) + 0.2 * torch.sin(2 * math.pi * t / 25.8)
    surge, value = [], 0.0
    for shock in (0.12 * torch.randn(hours, generator=generator)).tolist():
        value = 0.97 * value + shock
        surge.append(value)
    return tide * (1 + 0.15 * torch.tensor(surge)) + torch.tensor(surge) + 0.15 * torch.randn(hours, generator=generator)


def rows(series, starts):
    at = starts[:, None] + torch.arange(54)
    window = series[at]
    return window[:, :48], window[:, 53]


def build():
    model = nn.Sequential(nn.Linear(48, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 1), nn.Flatten(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.04, momentum=0.9)

    def factor(step):
        if step < 30:
            return (step + 1) / 30
        return 0.5 * (1 + math.cos(math.pi * (step - 30) / (TOTAL - 30)))

    return model, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def job(number, args, series, split):
    model, optimizer, scheduler = build()
    checkpoint, first = args.out / "checkpoint.pt", 0
    if number:
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if args.sound:
            scheduler.load_state_dict(state["scheduler"])
        first = state["step"]
    val_x, val_y = rows(series, torch.arange(split, len(series) - 54, 3))
    with (args.out / "log.csv").open("a", newline="") as file, \
            newllm.record(model, optimizer, out=args.out / "recording", resumed_at=first) as recorder:
        log = csv.writer(file)
        if not number:
            log.writerow(["step", "train_loss", "val_loss", "lr"])
        running = 0.0
        for step in range(first + 1, first + JOB + 1):
            x, y = rows(series, torch.randint(split - 54, (8,)))
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            recorder.step(loss)
            scheduler.step()
            running += loss.item() / 20
            if step % 20 == 0:
                model.eval()
                with torch.no_grad():
                    val = nn.functional.mse_loss(model(val_x), val_y).item()
                model.train()
                recorder.validation(val)
                log.writerow([step, running, val, scheduler.get_last_lr()[0]])
                running = 0.0
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(), "step": first + JOB}, checkpoint)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=18)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    series = levels(9000, torch.Generator().manual_seed(args.seed))
    for number in range(TOTAL // JOB):
        job(number, args, series, split=7000)


if __name__ == "__main__":
    main()
