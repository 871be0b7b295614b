"""Spoken keywords with a network that is made thin in four stages: the smallest weights are set to zero for good."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

STAGES = {200: 0.4, 300: 0.6, 400: 0.75, 500: 0.85}
WORDS = 10


def recordings(n, g):
    """Twenty frames of sixteen bands: two ridges that move as the word says."""
    word = torch.randint(WORDS, (n,), generator=g)
    frame = torch.arange(20).float()
    band = torch.arange(16).float()
    slope = (word % 5 - 2).float()[:, None] * 0.25
    start = 5 + torch.rand(n, 1, generator=g) * 5
    ridge = start + slope * (frame - 10)
    other = ridge + torch.where(word < 5, 3.0, -3.0)[:, None]
    x = torch.exp(-((band[None, :, None] - ridge[:, None]) ** 2)) + torch.exp(
        -((band[None, :, None] - other[:, None]) ** 2) / 3
    )
    return (x + 0.35 * torch.randn(n, 16, 20, generator=g)).flatten(1), word


def thin(layers, share, masks):
    """Zero the smallest weights of each layer and remember where."""
    for layer in layers:
        keep = round(layer.weight.numel() * (1 - share))
        limit = layer.weight.detach().abs().flatten().topk(keep).values[-1]
        masks[layer] = (layer.weight.detach().abs() >= limit).float()


@torch.no_grad()
def hold(masks):
    for layer, mask in masks.items():
        layer.weight.mul_(mask)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(62)
    g = torch.Generator().manual_seed(62)
    x, word = recordings(10000, g)
    x_val, word_val = recordings(1500, g)
    model = nn.Sequential(nn.Linear(320, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, WORDS))
    layers = [model[0], model[2]]
    masks = {}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rows = []
    with newllm.record(model, optimizer, args.out / "recording", config={"stages": str(STAGES)}) as recorder:
        for step in range(640):
            if step in STAGES:
                thin(layers, STAGES[step], masks)
                hold(masks)
                recorder.note(step, f"{STAGES[step]:.0%} of the weights removed")
            pick = torch.randint(len(x), (64,))
            loss = nn.functional.cross_entropy(model(x[pick]), word[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hold(masks)
            recorder.step(loss)
            zeros = sum((layer.weight == 0).sum().item() for layer in layers) / sum(a.weight.numel() for a in layers)
            rows.append([step, loss.item(), zeros, "", ""])
            if step % 40 == 39:
                with torch.no_grad():
                    out = model(x_val)
                hits = (out.argmax(1) == word_val).sum().item()
                rows[-1][3:] = [nn.functional.cross_entropy(out, word_val).item(), hits / len(word_val)]
                recorder.validation(rows[-1][3], correct=hits, count=len(word_val))
                print(rows[-1])
    with open(args.out / "log.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["step", "train_loss", "sparsity", "val_loss", "val_acc"])
        w.writerows(rows)


if __name__ == "__main__":
    main()
