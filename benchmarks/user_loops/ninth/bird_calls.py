"""Which bird calls? A network that has learned to tell sounds of machines apart gets a new head, then learns as a whole."""
import argparse
import csv
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

BANDS, FRAMES = 16, 20


def spectrograms(n, kinds, seed, g):
    """Each kind is a few chirps: start band, slope, length. The order and place of the chirps vary."""
    table = torch.Generator().manual_seed(seed)
    start = torch.rand(kinds, 3, generator=table) * BANDS
    slope = torch.randn(kinds, 3, generator=table) * 0.9
    kind = torch.randint(kinds, (n,), generator=g)
    frames, bands = torch.arange(float(FRAMES)), torch.arange(float(BANDS))
    image = torch.zeros(n, BANDS, FRAMES)
    for chirp in range(3):
        begin = torch.rand(n, generator=g) * (FRAMES - 6)
        since = frames[None] - begin[:, None]
        on = ((since >= 0) & (since < 7)).float()
        pitch = start[kind, chirp, None] + torch.randn(n, 1, generator=g) * 0.6 + slope[kind, chirp, None] * since
        image += on[:, None] * torch.exp(-(bands[None, :, None] - pitch[:, None]).square() / 1.5)
    return (image + 0.45 * torch.randn(n, BANDS, FRAMES, generator=g))[:, None], kind


class Listener(nn.Module):
    def __init__(self, kinds):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.ReLU(), nn.MaxPool2d((1, 2)),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(32 * 8, kinds)

    def forward(self, x):
        return self.head(self.body(x).amax(dim=3).flatten(1))


def pretrain(g):
    model = Listener(4)
    x, y = spectrograms(800, 4, 1, g)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(80):
        rows = torch.randint(800, (32,), generator=g)
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return model


parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--seed", type=int, default=27)
parser.add_argument("--frozen", type=int, default=150)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
g = torch.Generator().manual_seed(args.seed)
model = pretrain(g)
model.head = nn.Linear(32 * 8, 10)
x, y = spectrograms(3000, 10, 2, g)
x_val, y_val = spectrograms(600, 10, 2, g)

for parameter in model.body.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3, weight_decay=0.01)
args.out.mkdir(parents=True, exist_ok=True)
with (args.out / "log.csv").open("w", newline="") as f, newllm.record(model, optimizer, out=args.out / "recording") as recorder:
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss", "val_acc"])
    for step in range(1, 451):
        if step == args.frozen + 1:
            print("step", step, "- unfreezing the body")
            for parameter in model.body.parameters():
                parameter.requires_grad = True
            if args.sound:
                optimizer.add_param_group({"params": list(model.body.parameters()), "lr": 1e-3})
        rows = torch.randint(3000, (32,), generator=g)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        row = [step, loss.item(), "", ""]
        if step % 30 == 0:
            model.eval()
            with torch.no_grad():
                scores = model(x_val)
            model.train()
            right = (scores.argmax(1) == y_val).sum().item()
            row[2:] = [F.cross_entropy(scores, y_val).item(), right / 600]
            recorder.validation(row[2], correct=right, count=600)
        log.writerow(row)
