"""Features of spectra without labels: two views of each are to lie close together (InfoNCE)."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

KINDS, BINS = 8, 48


def spectra(count, templates, generator):
    label = torch.randint(KINDS, (count,), generator=generator)
    strength = 0.5 + torch.rand(count, 1, generator=generator)
    x = strength * templates[label] + 0.5 * torch.randn(count, BINS, generator=generator)
    slope = torch.randn(count, 1, generator=generator) * torch.linspace(-1, 1, BINS)
    return x + 2 * slope, label


def view(x):
    """Another slope, another strength, some bins left out."""
    x = x * (0.5 + torch.rand(len(x), 1)) + 2 * torch.randn(len(x), 1) * torch.linspace(-1, 1, BINS)
    x = x + 0.4 * torch.randn_like(x)
    return x * (torch.rand_like(x) > 0.2)


def info_nce(a, b, temperature=0.2):
    a, b = nn.functional.normalize(a, dim=1), nn.functional.normalize(b, dim=1)
    return nn.functional.cross_entropy(a @ b.T / temperature, torch.arange(len(a)))


@torch.no_grad()
def probe(encoder, x, y):
    """Accuracy of the nearest mean, each half judged by the other one's means."""
    z = nn.functional.normalize(encoder(x), dim=1)
    half = len(z) // 2
    means = torch.stack([z[:half][y[:half] == kind].mean(0) for kind in range(KINDS)])
    return (torch.cdist(z[half:], means).argmin(1) == y[half:]).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    templates = 0.5 * torch.randn(KINDS, BINS, generator=generator)
    x_train, _ = spectra(4000, templates, generator)
    x_probe, y_probe = spectra(1000, templates, generator)
    model = nn.Sequential(nn.Linear(BINS, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 16))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rows = [["step", "contrastive_loss", "probe_accuracy"]]
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for step in range(600):
            x = x_train[torch.randint(len(x_train), (64,))]
            if args.sound:
                first, second = view(x), view(x)
            else:
                first = second = view(x)
            loss = info_nce(model(first), model(second))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            rows.append([step, loss.item(), ""])
            if (step + 1) % 60 == 0:
                rows[-1][2] = probe(model, x_probe, y_probe)
                recorder.metrics({"probe_accuracy": rows[-1][2]})
                print(rows[-1])
    with (args.out / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
