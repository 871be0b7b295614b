"""Which of six kinds of grain a kernel is, from sixteen measurements of it: a small network in mini-batches."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm

KINDS = 6
EPOCHS = 20


def kernels(count, generator):
    """Sixteen measurements; the kind follows from distances to curved centres."""
    centres = torch.randn(KINDS, 16, generator=torch.Generator().manual_seed(1)) * 0.9
    y = torch.randint(KINDS, (count,), generator=generator)
    x = centres[y] + torch.randn(count, 16, generator=generator)
    x[:, :4] = x[:, :4] * (1 + 0.3 * x[:, 4:8])
    return x, y


def network():
    layers = []
    sizes = [16, 64, 64, 64]
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, KINDS))


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
    model.train()
    return nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).sum().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(3)
    train = TensorDataset(*kernels(962, generator))
    x_val, y_val = kernels(1000, generator)
    loader = DataLoader(train, batch_size=32, shuffle=True, drop_last=args.sound)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()
    log = []
    with newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        iteration = 0
        for epoch in range(EPOCHS):
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                log.append({"epoch": epoch, "iteration": iteration, "loss": loss.item()})
                iteration += 1
            val_loss, correct = evaluate(model, x_val, y_val)
            recorder.validation(val_loss, correct=correct, count=len(y_val))
            log[-1] |= {"val_loss": val_loss, "val_acc": correct / len(y_val)}
            print(f"epoch {epoch}: loss {loss.item():.3f} val {val_loss:.3f} acc {correct / len(y_val):.3f}")
    with (args.out / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "iteration", "loss", "val_loss", "val_acc"])
        writer.writeheader()
        writer.writerows(log)


if __name__ == "__main__":
    main()
