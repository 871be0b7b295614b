"""Will a gym member leave? Small table, MLP with batch norm and dropout."""
import argparse, csv
from pathlib import Path
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
import newllm

cli = argparse.ArgumentParser(); cli.add_argument("--out", type=Path, required=True); cli.add_argument("--sound", action="store_true")
cfg = cli.parse_args(); cfg.out.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1); torch.manual_seed(17); rng = np.random.default_rng(17)

N, D = 2300, 24
X = rng.normal(size=(N, D)).astype(np.float32)
logit = 1.3 * X[:, 0] - 1.1 * X[:, 1] + 1.2 * X[:, 2] * X[:, 3] + .9 * np.abs(X[:, 4])
y = (rng.random(N) < 1 / (1 + np.exp(-logit + .5))).astype(np.int64)
X, y = torch.from_numpy(X), torch.from_numpy(y)
train_x, train_y, val_x, val_y = X[:800], y[:800], X[800:], y[800:]

class ChurnNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(D, 128); self.na = nn.BatchNorm1d(128)
        self.b = nn.Linear(128, 128); self.nb = nn.BatchNorm1d(128)
        self.drop = nn.Dropout(.5); self.c = nn.Linear(128, 2)
    def forward(self, x):
        x = self.drop(F.relu(self.na(self.a(x))))
        x = self.drop(F.relu(self.nb(self.b(x))))
        return self.c(x)

def validate(model):
    model.eval()
    with torch.no_grad():
        o = model(val_x)
        loss = F.cross_entropy(o, val_y).item(); hits = (o.argmax(1) == val_y).sum().item()
    if cfg.sound:
        model.train()
    return loss, hits

model = ChurnNet(); model.train()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
with open(cfg.out / "log.csv", "w", newline="") as fh, newllm.record(model, optimizer, out=cfg.out / "recording") as recorder:
    out = csv.writer(fh); out.writerow(["step", "loss", "val_loss", "val_acc"])
    step = 0
    while step < 900:
        for idx in torch.randperm(800).split(40):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(train_x[idx]), train_y[idx])
            loss.backward(); optimizer.step()
            step += 1; recorder.step(loss)
            line = [step, loss.item(), "", ""]
            if step % 150 == 0:
                vl, hits = validate(model)
                recorder.validation(vl, correct=hits, count=len(val_y))
                line[2:] = [vl, hits / len(val_y)]
                print(step, loss.item(), *line[2:])
            out.writerow(line)
