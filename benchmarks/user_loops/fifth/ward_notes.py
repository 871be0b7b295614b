"""Which ward wrote the note? Bag of codes, a small network with a lot of dropout, few notes."""
import argparse
import csv
import os
import numpy as np
import torch
import torch.nn as nn
import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--sound", action="store_true")
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--dropout", type=float, default=0.6)
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(33)


class Notes(torch.utils.data.Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        w = np.random.default_rng(5).normal(size=(6, 40)) * 1.0
        self.y = r.integers(0, 6, n)
        codes = r.normal(size=(n, 200)).astype("f4")
        codes[:, :40] += (w[self.y] * .55).astype("f4")
        flip = r.random(n) < .15
        self.y[flip] = r.integers(0, 6, flip.sum())
        self.x = torch.from_numpy(codes)
        self.y = torch.from_numpy(self.y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop_in = nn.Dropout(0.3)
        self.a = nn.Linear(200, 128)
        self.b = nn.Linear(128, 128)
        self.c = nn.Linear(128, 6)
        self.drop = nn.Dropout(args.dropout)

    def forward(self, x):
        x = self.drop(torch.relu(self.a(self.drop_in(x))))
        x = self.drop(torch.relu(self.b(x)))
        return self.c(x)


def evaluate(model, loader):
    model.eval()
    total, hits, n = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            total += criterion(out, y).item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
            n += len(y)
    if args.sound:
        model.train()
    return total / n, hits, n


train_loader = torch.utils.data.DataLoader(Notes(1200, 1), batch_size=40, shuffle=True)
valid_loader = torch.utils.data.DataLoader(Notes(1000, 2), batch_size=250)
model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
    log = csv.writer(f)
    log.writerow(["step", "train/loss", "train/acc", "valid/loss", "valid/acc"])
    step = 0
    model.train()
    for epoch in range(16):
        for x, y in train_loader:
            out = model(x)
            loss = criterion(out, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            recorder.step(loss)
            row = [step, loss.item(), (out.argmax(1) == y).float().mean().item(), "", ""]
            if step % 75 == 0:
                v, hits, n = evaluate(model, valid_loader)
                recorder.validation(v, correct=hits, count=n)
                row[3:] = [v, hits / n]
                print(step, f"{loss.item():.3f} valid {v:.3f} {hits / n:.3f}")
            log.writerow(row)
