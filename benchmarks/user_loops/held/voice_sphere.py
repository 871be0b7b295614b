"""Whose voice it is, by directions on a sphere: all weights of the network are brought back to length one after each update."""

import argparse
import csv
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import newllm

SPEAKERS, FEATURES, WIDTH = 30, 40, 64


def voices(n, g):
    fixed = torch.Generator().manual_seed(88)
    centres = torch.randn(SPEAKERS, 8, generator=fixed)
    mix = torch.randn(8, FEATURES, generator=fixed) * 0.6
    who = torch.randint(SPEAKERS, (n,), generator=g)
    inner = centres[who] + 0.6 * torch.randn(n, 8, generator=g)
    return torch.sin(inner @ mix) + 0.3 * torch.randn(n, FEATURES, generator=g), who


class Sphere(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(FEATURES, WIDTH, bias=False)
        self.second = nn.Linear(WIDTH, WIDTH, bias=False)
        self.speakers = nn.Linear(WIDTH, SPEAKERS, bias=False)
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.to_sphere()

    @torch.no_grad()
    def to_sphere(self):
        for layer in (self.first, self.second, self.speakers):
            layer.weight.copy_(F.normalize(layer.weight, dim=1))

    def forward(self, x):
        h = F.normalize(F.gelu(self.first(x)), dim=1)
        h = F.normalize(h + F.gelu(self.second(h) * WIDTH**0.5), dim=1)
        return self.scale * self.speakers(h)


def train(out):
    g = torch.Generator().manual_seed(88)
    x, who = voices(12000, g)
    x_val, who_val = voices(1500, g)
    model = Sphere()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    decay = torch.optim.lr_scheduler.PolynomialLR(optimizer, 600, power=1.0)
    lines = ["step;loss;acc;scale;val_loss;val_acc"]
    with newllm.record(model, optimizer, out / "recording") as recorder:
        for step in range(600):
            pick = torch.randint(len(x), (96,))
            logits = model(x[pick])
            loss = F.cross_entropy(logits, who[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            decay.step()
            model.to_sphere()
            recorder.step(loss)
            acc = (logits.argmax(1) == who[pick]).float().mean().item()
            line = f"{step};{loss.item():.5f};{acc:.4f};{model.scale.item():.3f};"
            if (step + 1) % 60 == 0:
                with torch.no_grad():
                    logits = model(x_val)
                hits = (logits.argmax(1) == who_val).sum().item()
                val = F.cross_entropy(logits, who_val).item()
                recorder.validation(val, correct=hits, count=len(who_val))
                line += f"{val:.5f};{hits / len(who_val):.4f}"
                print(line)
            else:
                line += ";"
            lines.append(line)
    rows = [line.split(";") for line in lines]
    with open(out / "log.csv", "w", newline="") as f:
        csv.writer(f).writerows(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(88)
    train(args.out)


if __name__ == "__main__":
    main()
