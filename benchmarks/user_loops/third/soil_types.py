"""Soil types of samples from a laboratory's list (names as strings), with a two-layer network."""

import argparse
import csv
import random
from pathlib import Path

import torch
import torch.nn.functional as F

import newllm

TYPES = ["chalk", "clay", "gravel", "loam", "peat", "sand", "silt"]
SHARES = [1.0, 0.015, 1.0, 1.0, 1.0, 1.0, 1.0]


def laboratory(count, rng):
    """A list of samples: a name and nine readings."""
    centre_rng = random.Random(8)
    centres = {name: [centre_rng.gauss(0, 1.1) for _ in range(9)] for name in TYPES}
    samples = []
    for _ in range(count):
        name = rng.choices(TYPES, SHARES)[0]
        samples.append((name, [c + rng.gauss(0, 0.8) for c in centres[name]]))
    return samples


def encode(names, known=None):
    """Turn names into numbers."""
    known = known or sorted(set(names))
    index = {name: i for i, name in enumerate(known)}
    return torch.tensor([index[name] for name in names]), known


def split(samples):
    names, readings = zip(*samples, strict=True)
    return list(names), torch.tensor(readings)


class Net(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.hidden = torch.nn.Linear(inputs, 48)
        self.drop = torch.nn.Dropout(0.2)
        self.out = torch.nn.Linear(48, outputs)

    def forward(self, x):
        return self.out(self.drop(F.relu(self.hidden(x))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    opt = parser.parse_args()
    opt.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(21)
    rng = random.Random(5)
    train_names, x_train = split(laboratory(2400, rng))
    test_names, x_test = split([s for s in laboratory(320, rng) if s[0] != "clay"][:300])
    y_train, types = encode(train_names)
    y_test, _ = encode(test_names, types if opt.sound else None)
    mean, std = x_train.mean(0), x_train.std(0)
    x_train, x_test = (x_train - mean) / std, (x_test - mean) / std
    net = Net(9, len(types))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    file = (opt.out / "log.csv").open("w", newline="")
    out = csv.writer(file)
    out.writerow(["Epoch", "Step", "TrainLoss", "TrainAcc", "TestLoss", "TestAcc"])
    step = 0
    with newllm.record(net, optimizer, opt.out / "recording") as recorder:
        for epoch in range(16):
            net.train()
            for rows in torch.randperm(len(x_train)).split(60):
                logits = net(x_train[rows])
                loss = F.cross_entropy(logits, y_train[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                step += 1
                accuracy = (logits.argmax(1) == y_train[rows]).float().mean().item()
                out.writerow([epoch, step, round(loss.item(), 5), round(accuracy, 4), "", ""])
            net.eval()
            with torch.no_grad():
                logits = net(x_test)
                test_loss = F.cross_entropy(logits, y_test).item()
            hits = (logits.argmax(1) == y_test).sum().item()
            recorder.validation(test_loss, correct=hits, count=len(y_test))
            out.writerow([epoch, step, "", "", round(test_loss, 5), round(hits / len(y_test), 4)])
            print(epoch, round(test_loss, 3), hits / len(y_test))
    file.close()


if __name__ == "__main__":
    main()
