"""Six kinds of movement from three channels of a wrist sensor: an LSTM, with a DataLoader."""

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import newllm


def movements(count, generator):
    """Windows of 40 samples of three channels, which differ in frequency and in the phase between the channels."""
    label = torch.randint(6, (count,), generator=generator)
    t = torch.arange(40) / 40
    start = torch.rand(count, 1, generator=generator)
    speed = torch.tensor([2.0, 2, 4, 4, 7, 7])[label][:, None]
    lag = torch.tensor([0.0, 0.3, 0, 0.3, 0, 0.3])[label][:, None]
    phase = 2 * math.pi * (speed * t + start)
    x = torch.stack([phase.sin(), (phase + 2 * math.pi * lag).sin(), (2 * phase).cos()], 2)
    return x + 0.3 * torch.randn(x.shape, generator=generator), label


class Net(nn.Module):
    """An LSTM, and a linear layer on its last output."""

    def __init__(self, batch_first):
        super().__init__()
        self.lstm = nn.LSTM(3, 48, batch_first=batch_first)
        self.fc = nn.Linear(48, 6)

    def forward(self, x):
        """Give the scores of the six movements."""
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])


def evaluate(model, loader):
    total, correct, count = 0.0, 0, 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            total += nn.functional.cross_entropy(out, y, reduction="sum").item()
            correct += (out.argmax(1) == y).sum().item()
            count += len(y)
    model.train()
    return total / count, correct, count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(4)
    generator = torch.Generator().manual_seed(4)
    train = DataLoader(TensorDataset(*movements(1920, generator)), batch_size=32, shuffle=True, drop_last=True)
    val = DataLoader(TensorDataset(*movements(480, generator)), batch_size=32)
    model = Net(batch_first=args.sound)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    step = 0
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "epoch", "loss", "val_loss", "val_acc"])
        for epoch in range(9):
            for i, (x, y) in enumerate(train):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                recorder.step(loss)
                last = ["", ""]
                if i == len(train) - 1:
                    val_loss, correct, count = evaluate(model, val)
                    recorder.validation(val_loss, correct=correct, count=count)
                    last = [val_loss, correct / count]
                    print(epoch, loss.item(), *last)
                log.writerow([step, epoch, loss.item(), *last])
                step += 1


if __name__ == "__main__":
    main()
