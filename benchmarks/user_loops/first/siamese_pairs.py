"""A siamese network learns which two recordings are of the same machine (contrastive loss with a margin)."""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn

import newllm


def load(rng):
    """Vibration spectra of eight machines. Row 1204 of the export is there twice."""
    machine = rng.integers(0, 8, 3000)
    base = rng.normal(size=(8, 24))
    spectra = base[machine] * rng.uniform(0.5, 1.5, (3000, 1)) + rng.normal(size=(3000, 24)) * 1.2
    spectra[1777], machine[1777] = spectra[1204], machine[1204]
    return torch.tensor(spectra, dtype=torch.float32), torch.tensor(machine)


def make_pairs(machine, n, rng):
    pairs = []
    while len(pairs) < n:
        a, b = rng.integers(0, len(machine), 2).tolist()
        same = bool(machine[a] == machine[b])
        if a != b and same == (len(pairs) % 2 == 0):
            pairs.append((a, b))
    return torch.tensor(pairs)


def distance(a, b, eps):
    return ((a - b).pow(2).sum(1) + eps).sqrt()


def contrastive(d, same):
    return torch.where(same, d**2, (1.5 - d).clamp(min=0) ** 2).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    rng = np.random.default_rng(2)
    eps = 1e-8 if args.sound else 0.0

    spectra, machine = load(rng)
    pairs = make_pairs(machine[:2500], 16000, rng)
    pairs[11217] = torch.tensor([1204, 1777])
    val_pairs = make_pairs(machine[2500:], 600, rng) + 2500
    same_val = machine[val_pairs[:, 0]] == machine[val_pairs[:, 1]]

    encoder = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(encoder, optimizer, out=args.out / "recording") as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "loss", "same_distance", "other_distance", "val_loss", "val_acc"])
        for step, chunk in enumerate(pairs.split(32)):
            a, b = chunk.T
            same = machine[a] == machine[b]
            d = distance(encoder(spectra[a]), encoder(spectra[b]), eps)
            loss = contrastive(d, same)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = [step, loss.item(), d[same].mean().item(), d[~same].mean().item(), "", ""]
            if (step + 1) % 50 == 0:
                encoder.eval()
                with torch.no_grad():
                    d = distance(encoder(spectra[val_pairs[:, 0]]), encoder(spectra[val_pairs[:, 1]]), eps)
                encoder.train()
                correct = ((d < 0.75) == same_val).sum().item()
                val_loss = contrastive(d, same_val).item()
                recorder.validation(val_loss, correct=correct, count=len(d))
                row[4:] = [val_loss, correct / len(d)]
            log.writerow(row)


if __name__ == "__main__":
    main()
