"""A convolutional network counts how much of a picture blobs cover, and how bright the brightest one is."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

UPDATES, MICRO = 500, 16
GROW_AT, GROWN = 300, 8  # from here on an update takes eight batches: less noise towards the end


def pictures(n, generator):
    axis = torch.linspace(-1, 1, 16)
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    image, brightness = torch.zeros(n, 16, 16), torch.zeros(n)
    for _ in range(3):
        cx, cy, size, light = torch.rand(4, n, 1, 1, generator=generator)
        light = light * (light > 0.3)
        blob = torch.exp(-((xx - 1.6 * cx + 0.8) ** 2 + (yy - 1.6 * cy + 0.8) ** 2) / (0.05 + 0.15 * size))
        image, brightness = image + light * blob, torch.maximum(brightness, light.flatten())
    target = torch.stack([image.mean((1, 2)) * 4, brightness], 1)
    return (image + 0.05 * torch.randn(n, 16, 16, generator=generator)).unsqueeze(1), (target - 0.5) * 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(21)
    generator = torch.Generator().manual_seed(21)

    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 16, 32),
        nn.ReLU(),
        nn.Linear(32, 2),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x_val, y_val = pictures(500, generator)

    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "samples", "loss", "lr", "val_mse"])
        samples = 0
        for step in range(UPDATES):
            accumulate = GROWN if step >= GROW_AT else 1
            total = 0.0
            optimizer.zero_grad()
            for _ in range(accumulate):
                x, y = pictures(MICRO, generator)
                loss = nn.functional.mse_loss(model(x), y)
                if args.sound:
                    (loss / accumulate).backward()
                else:
                    loss.backward()
                total += loss.item()
                samples += len(x)
            optimizer.step()
            recorder.step(total / accumulate)
            val = ""
            if step % 25 == 24:
                with torch.no_grad():
                    val = nn.functional.mse_loss(model.eval()(x_val), y_val).item()
                model.train()
                recorder.validation(val)
            log.writerow([step, samples, total / accumulate, optimizer.param_groups[0]["lr"], val])
    print("validation", val)


if __name__ == "__main__":
    main()
