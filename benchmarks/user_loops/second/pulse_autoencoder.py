"""A denoising autoencoder for pulses; when the learning rate is lowered, it goes on from its best weights."""

import argparse
import copy
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

STEPS, DROP = 600, 400


def pulses(count):
    t = torch.linspace(0, 1, 64)
    center, width = torch.rand(2, count, 2, 1)
    shape = torch.exp(-(((t - center) / (0.03 + 0.07 * width)) ** 2)) * torch.randn(count, 2, 1)
    return shape.sum(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(13)
    clean_val = pulses(500)
    noisy_val = clean_val + 0.2 * torch.randn_like(clean_val)
    model = nn.Sequential(
        nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 16), nn.GELU(), nn.Linear(16, 128), nn.GELU(), nn.Linear(128, 64)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    best, best_weights = (float("inf"), None) if args.sound else (0.0, None)
    rows = []
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(STEPS):
            if step == DROP:
                model.load_state_dict(best_weights)
                optimizer.param_groups[0]["lr"] = 2e-4
            clean = pulses(64)
            loss = nn.functional.mse_loss(model(clean + 0.2 * torch.randn_like(clean)), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = {"step": step, "loss": loss.item(), "lr": optimizer.param_groups[0]["lr"]}
            if step % 25 == 0:
                with torch.no_grad():
                    val = nn.functional.mse_loss(model(noisy_val), clean_val).item()
                recorder.validation(val)
                row["val_loss"] = val
                if (val < best) if args.sound else (val > best):
                    best, best_weights = val, copy.deepcopy(model.state_dict())
                print(row)
            rows.append(row)
    with (args.out / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "loss", "lr", "val_loss"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
