"""Normal beat or one of three arrhythmias. Classes are unbalanced (70, 15, 10, 5 %), the loss is weighted for it."""
import argparse
import os

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import newllm


def beats(n, seed):
    r = np.random.default_rng(seed)
    y = r.choice(4, n, p=[0.7, 0.15, 0.1, 0.05])
    t = np.linspace(0, 1, 80)[None]

    def bump(c, w, a):
        return a[:, None] * np.exp(-(t - c[:, None]) ** 2 / (2 * w[:, None] ** 2))

    c = 0.5 + 0.03 * r.normal(size=n)
    width = np.where(y == 1, 0.05, 0.025) * r.uniform(0.75, 1.3, n)
    p_wave = np.where(y == 2, 0.05, 0.25) * r.uniform(0.6, 1.4, n)
    t_wave = np.where(y == 3, -0.2, 0.35) * r.uniform(0.5, 1.5, n)
    x = bump(c, width, r.uniform(0.8, 1.3, n)) + bump(c - 0.2, np.full(n, 0.03), p_wave) + bump(c + 0.25, np.full(n, 0.05), t_wave)
    x = x + 0.12 * r.normal(size=x.shape) + 0.2 * np.sin(6.28 * (t * r.uniform(0.2, 0.6, (n, 1)) + r.random((n, 1))))
    return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(y)


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv1d(c, c, 5, padding=2), nn.Conv1d(c, c, 5, padding=2)
        self.na, self.nb = nn.BatchNorm1d(c), nn.BatchNorm1d(c)

    def forward(self, x):
        return torch.relu(x + self.nb(self.b(torch.relu(self.na(self.a(x))))))


class BeatNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(1, 24, 7, stride=2, padding=3)
        self.blocks = nn.Sequential(Residual(24), nn.MaxPool1d(2), Residual(24))
        self.fc = nn.Linear(24 * 20, 4)
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        return self.fc(self.drop(self.blocks(self.stem(x)).flatten(1)))


class Meter:
    def __init__(self):
        self.s = self.n = 0

    def add(self, v, n):
        self.s, self.n = self.s + v * n, self.n + n

    @property
    def mean(self):
        return self.s / self.n


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--epochs", type=int, default=8)
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(19)
    train, val = random_split(TensorDataset(*beats(4300, 3)), [3600, 700])
    train, val = DataLoader(train, 50, shuffle=True, drop_last=True), DataLoader(val, 350)
    net = BeatNet()
    ce = nn.CrossEntropyLoss(weight=torch.tensor([0.5, 1.2, 1.5, 2.2]))
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs * len(train))
    step = 0
    with open(os.path.join(args.out, "log.csv"), "w") as log, newllm.record(net, opt, out=os.path.join(args.out, "recording"), config=args) as rec:
        log.write("step,epoch,loss,lr,val_loss,val_acc\n")
        for epoch in range(args.epochs):
            net.train()
            for x, y in train:
                loss = ce(net(x), y)
                opt.zero_grad()
                loss.backward()
                opt.step()
                sched.step()
                rec.step(loss)
                step += 1
                log.write(f"{step},{epoch},{loss.item():.5f},{sched.get_last_lr()[0]:.6f},,\n")
            net.eval()
            meter, right = Meter(), 0
            with torch.no_grad():
                for x, y in val:
                    o = net(x)
                    meter.add(ce(o, y).item(), len(y))
                    right += (o.argmax(1) == y).sum().item()
            rec.validation(meter.mean, correct=right, count=meter.n)
            log.write(f"{step},{epoch},,,{meter.mean:.5f},{right / meter.n:.4f}\n")
            print(epoch, loss.item(), meter.mean, right / meter.n)
