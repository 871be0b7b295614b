"""Which switches of a panel open the lock? The network sees positions of all switches and whether the lock is open.

New positions are drawn for every batch, the validation positions once.
"""
import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

SWITCHES = 30
WIRED = (4, 13, 22)


def positions(n):
    up = torch.randint(2, (n, SWITCHES)).float() * 2 - 1
    lock = up[:, WIRED[0]] * up[:, WIRED[1]] * up[:, WIRED[2]]
    return up, (lock > 0).float()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--steps", type=int, default=800)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)

    model = nn.Sequential(
        nn.Linear(SWITCHES, args.width), nn.ReLU(),
        nn.Linear(args.width, args.width), nn.ReLU(),
        nn.Linear(args.width, 1),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    loss_of = nn.BCEWithLogitsLoss()
    val_x, val_y = positions(1000)

    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f:
        log = csv.writer(f)
        log.writerow(["step", "loss", "train_acc", "val_loss", "val_acc"])
        with newllm.record(model, optimizer, out=args.out / "recording", config=args) as recorder:
            for step in range(1, args.steps + 1):
                x, y = positions(64)
                logits = model(x).squeeze(1)
                loss = loss_of(logits, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                row = [step, loss.item(), ((logits > 0) == (y > 0.5)).float().mean().item(), "", ""]
                if step % 25 == 0:
                    model.eval()
                    with torch.no_grad():
                        logits = model(val_x).squeeze(1)
                        row[3] = loss_of(logits, val_y).item()
                        right = ((logits > 0) == (val_y > 0.5)).sum().item()
                    model.train()
                    row[4] = right / len(val_y)
                    recorder.validation(row[3], correct=right, count=len(val_y))
                log.writerow(row)


if __name__ == "__main__":
    main()
