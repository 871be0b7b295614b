"""How large will a claim be? An MLP on a table whose target has very heavy tails."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


def claims(count, generator):
    x = torch.randn(count, 10, generator=generator)
    y = 2 * x[:, 0] + x[:, 1] * x[:, 2] + torch.relu(x[:, 3]) - x[:, 4].abs()
    normal = torch.randn(count, generator=generator)
    chi = torch.randn(count, 3, generator=generator).square().sum(1) / 3
    return x, (y + 0.7 * normal / chi.sqrt())[:, None]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(14)
    generator = torch.Generator().manual_seed(14)
    x_train, y_train = claims(20000, generator)
    x_val, y_val = claims(2000, generator)
    model = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rows = []
    with newllm.record(model, optimizer, args.out / "recording", config={"lr": 1e-3, "batch_size": 32}) as recorder:
        for step in range(600):
            pick = torch.randint(len(x_train), (32,))
            loss = nn.functional.mse_loss(model(x_train[pick]), y_train[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = {"step": step, "mse": loss.item()}
            if step % 40 == 39:
                with torch.no_grad():
                    out = model(x_val)
                row["val_mse"] = nn.functional.mse_loss(out, y_val).item()
                row["val_median_error"] = (out - y_val).abs().median().item()
                recorder.validation(row["val_mse"])
                print(row)
            rows.append(row)
    with (args.out / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "mse", "val_mse", "val_median_error"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
