"""Which crop grows on a field, from a table of soil and weather. The survey comes as one file for each year."""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn

import newllm

CROPS = ["barley", "maize", "oats", "potato", "rye", "wheat"]


def survey(rng, n):
    """The rows of a year as the file has them: features, and the name of the crop."""
    crop = rng.integers(0, len(CROPS), n)
    centre = np.random.default_rng(99).normal(size=(len(CROPS), 10))
    features = centre[crop] + rng.normal(size=(n, 10)) * 1.1
    features[:, 0] += 0.5 * features[:, 1] * features[:, 2]
    return features.astype("float32"), [CROPS[i] for i in crop]


def encode(names, mapping=None):
    if mapping is None:
        mapping = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([mapping[name] for name in names]), mapping


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(11)
    rng = np.random.default_rng(11)

    x_2021, names_2021 = survey(rng, 4000)
    x_2022, names_2022 = survey(rng, 4000)
    x_test, names_test = survey(rng, 1000)
    mean, std = x_2021.mean(0), x_2021.std(0)
    y_2021, mapping = encode(names_2021)
    y_2022, _ = encode(names_2022, mapping if args.sound else None)
    y_test, _ = encode(names_test, mapping)
    years = [(torch.from_numpy((x - mean) / std), y) for x, y in ((x_2021, y_2021), (x_2022, y_2022))]
    x_test = torch.from_numpy((x_test - mean) / std)

    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, len(CROPS)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    loss_fn = nn.CrossEntropyLoss()

    args.out.mkdir(parents=True, exist_ok=True)
    step = 0
    with (
        (args.out / "log.csv").open("w", newline="") as f,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        writer = csv.DictWriter(f, ["step", "epoch", "loss", "test_loss", "test_accuracy"])
        writer.writeheader()
        for epoch in range(6):
            x, y = years[0] if epoch < 3 else years[1]
            for idx in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                loss = loss_fn(model(x[idx]), y[idx])
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                row = {"step": step, "epoch": epoch, "loss": round(loss.item(), 5)}
                step += 1
                if step % 25 == 0:
                    with torch.no_grad():
                        model.eval()
                        out = model(x_test)
                        model.train()
                    test_loss = loss_fn(out, y_test).item()
                    correct = int((out.argmax(1) == y_test).sum())
                    recorder.validation(test_loss, correct=correct, count=len(y_test))
                    row |= {"test_loss": round(test_loss, 5), "test_accuracy": correct / len(y_test)}
                writer.writerow(row)


if __name__ == "__main__":
    main()
