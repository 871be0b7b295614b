"""A linear probe: what does the frozen encoder of a denoising autoencoder know about the pose of a hand?"""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

POSES = 6
PROTOTYPES = torch.randn(POSES, 30, generator=torch.Generator().manual_seed(77))


def hands(n):
    pose = torch.randint(0, POSES, (n,))
    turn = torch.rand(n, 1) * 1.2 + 0.4
    return torch.tanh(PROTOTYPES[pose] * turn) + 1.1 * torch.randn(n, 30), pose


class Probe(nn.Module):
    """A frozen encoder and a linear layer on what it gives."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        self.linear = nn.Linear(24, POSES)

    def train(self, mode=True):
        """The encoder stays as it is in evaluation."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, x):
        """The logits of the poses."""
        return self.linear(self.encoder(x))


def pretrain():
    encoder = nn.Sequential(nn.Linear(30, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 24))
    decoder = nn.Sequential(nn.ReLU(), nn.Linear(24, 30))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    for _ in range(300):
        x, _ = hands(64)
        loss = ((decoder(encoder(x + 0.3 * torch.randn_like(x))) - x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return encoder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true", help="changes nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(19)

    model = Probe(pretrain()).train()
    optimizer = torch.optim.SGD(model.linear.parameters(), lr=0.004, momentum=0.9)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    x, y = hands(8000)
    x_val, y_val = hands(1000)
    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "loss", "val_loss", "val_accuracy"])
        step = 0
        for _ in range(2):
            for rows in torch.randperm(len(x)).split(32):
                loss = criterion(model(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                line = [step, loss.item(), "", ""]
                step += 1
                if step % 50 == 0:
                    model.eval()
                    with torch.no_grad():
                        logits = model(x_val)
                    model.train()
                    correct = (logits.argmax(1) == y_val).sum().item()
                    line[2:] = [criterion(logits, y_val).item(), correct / len(y_val)]
                    recorder.validation(line[2], correct=correct, count=len(y_val))
                log.writerow(line)


if __name__ == "__main__":
    main()
