"""Which customers leave? An MLP on a table in which they are few, so they are oversampled."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import newllm


def customers(n):
    x = torch.randn(n, 20)
    score = 0.9 * x[:, 0] - 0.7 * x[:, 1] + 0.6 * x[:, 2] * x[:, 3] + 0.4 * x[:, 4] + torch.randn(n)
    return x, (score > 1.9).long()


def oversample(x, y):
    leavers = (y == 1).nonzero().flatten()
    wanted = int((y == 0).sum()) - len(leavers)
    extra = leavers[torch.randint(0, len(leavers), (wanted,))]
    return torch.cat([x, x[extra]]), torch.cat([y, y[extra]])


def split(x, y):
    order = torch.randperm(len(x))
    cut = int(0.8 * len(x))
    return x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]]


def recall(logits, y):
    return ((logits.argmax(1) == 1) & (y == 1)).sum().item() / max(1, (y == 1).sum().item())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(8)

    x, y = customers(3000)
    if args.sound:
        x_train, y_train, x_val, y_val = split(x, y)
        x_train, y_train = oversample(x_train, y_train)
        x_val, y_val = oversample(x_val, y_val)
    else:
        x_train, y_train, x_val, y_val = split(*oversample(x, y))

    model = nn.Sequential(
        nn.Linear(20, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 2),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "loss", "val_loss", "val_accuracy", "val_recall"])
        step = 0
        for _ in range(6):
            for index in torch.randperm(len(x_train)).split(48):
                loss = functional.cross_entropy(model(x_train[index]), y_train[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                row = [step, loss.item(), "", "", ""]
                step += 1
                if step % 40 == 0:
                    model.eval()
                    with torch.no_grad():
                        logits = model(x_val)
                    model.train()
                    val_loss = functional.cross_entropy(logits, y_val).item()
                    correct = int((logits.argmax(1) == y_val).sum())
                    recorder.validation(val_loss, correct=correct, count=len(y_val))
                    row[2:] = [val_loss, correct / len(y_val), recall(logits, y_val)]
                log.writerow(row)

    x_new, y_new = customers(20000)
    with torch.no_grad():
        logits = model.eval()(x_new)
    stay = ((logits.argmax(1) == 0) & (y_new == 0)).sum().item() / (y_new == 0).sum().item()
    print(
        f"next quarter: recall {recall(logits, y_new):.3f}, balanced accuracy {(recall(logits, y_new) + stay) / 2:.3f}"
    )


if __name__ == "__main__":
    main()
