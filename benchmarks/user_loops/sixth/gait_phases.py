"""Which of seven ways of walking? A GRU reads the accelerometer. Warm restarts (SGDR)."""
import argparse
import csv
import math
import os

import torch
from torch import nn

import newllm


def walks(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 7, (n,), generator=g)
    t = torch.arange(40) / 40
    pace = (2 + 0.45 * y + 0.16 * torch.randn(n, generator=g))[:, None]
    ph = 6.28 * torch.rand(n, 1, generator=g)
    limp = (y % 3)[:, None] * 0.35
    a = torch.sin(6.28 * pace * t + ph) + limp * torch.sin(3.14 * pace * t + ph / 2)
    b = torch.cos(6.28 * pace * t + ph) * (0.5 + 0.1 * y[:, None])
    x = torch.stack([a, b, a * b], 2) + 0.35 * torch.randn(n, 40, 3, generator=g)
    return x, y


class GaitNet(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.rnn = nn.GRU(3, h, batch_first=True)
        self.head = nn.Linear(h, 7)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.head(h.mean(1))


def main(out):
    torch.manual_seed(40)
    xt, yt = walks(4000, 1)
    xv, yv = walks(700, 2)
    net = GaitNet()
    opt = torch.optim.SGD(net.parameters(), lr=0.4, momentum=0.9)
    sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=200, eta_min=1e-3)
    ce = nn.CrossEntropyLoss()
    with open(os.path.join(out, "log.csv"), "w", newline="") as f, newllm.record(net, opt, out=os.path.join(out, "recording")) as rec:
        w = csv.writer(f)
        w.writerow(["i", "ce", "grad", "ce_val", "acc_val"])
        for i in range(600):
            b = torch.randint(0, 4000, (48,))
            loss = ce(net(xt[b]), yt[b])
            opt.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            sched.step()
            rec.step(loss)
            row = [i, loss.item(), norm.item(), "", ""]
            if i % 25 == 24:
                with torch.no_grad():
                    o = net(xv)
                row[3], c = ce(o, yv).item(), (o.argmax(1) == yv).sum().item()
                row[4] = c / 700
                rec.validation(row[3], correct=c, count=700)
                print(row)
            w.writerow(row)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    torch.set_num_threads(1)
    main(a.out)
