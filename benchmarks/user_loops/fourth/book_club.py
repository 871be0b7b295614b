# ratings of a reading group: users x books, neural matrix factorisation
import argparse, csv, os, copy
import numpy as np
import torch
from torch import nn
import newllm

def ratings(seed=6, U=300, B=200, n=7000):
    r = np.random.default_rng(seed)
    u, b = r.integers(0, U, n), r.integers(0, B, n)
    pu, qb = r.normal(0, .6, (U, 4)), r.normal(0, .6, (B, 4)); bu, bb = r.normal(0, .3, U), r.normal(0, .5, B)
    s = 3.4 + bu[u] + bb[b] + (pu[u] * qb[b]).sum(1) + r.normal(0, .7, n)
    return torch.tensor(u), torch.tensor(b), torch.tensor(np.clip(np.round(s * 2) / 2, .5, 5), dtype=torch.float32)

class NeuMF(nn.Module):
    def __init__(self, U=300, B=200, d=32):
        super().__init__()
        self.U, self.B = nn.Embedding(U, d), nn.Embedding(B, d)
        self.ub, self.bb = nn.Embedding(U, 1), nn.Embedding(B, 1)
        for e in (self.U, self.B): nn.init.normal_(e.weight, std=.1)
        for e in (self.ub, self.bb): nn.init.zeros_(e.weight)
        self.mlp = nn.Sequential(nn.Linear(2 * d, 64), nn.ReLU(), nn.Linear(64, 1))
    def forward(self, u, b):
        x, y = self.U(u), self.B(b)
        return 3.4 + (x * y).sum(1) + self.ub(u)[:, 0] + self.bb(b)[:, 0] + self.mlp(torch.cat([x, y], 1))[:, 0]

def run(args):
    torch.set_num_threads(1); torch.manual_seed(6)
    u, b, s = ratings(); cut = 5600
    net = NeuMF()
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1.0 if args.sound else 0.0)
    best, bad, step = 9, 0, 0
    with open(os.path.join(args.out, "log.csv"), "w") as f, newllm.record(net, opt, out=os.path.join(args.out, "recording")) as recorder:
        w = csv.writer(f); w.writerow(["step", "loss", "val_mse"])
        for epoch in range(20):
            for i in torch.randperm(cut).split(128):
                loss = (net(u[i], b[i]) - s[i]).pow(2).mean()
                opt.zero_grad(); loss.backward(); opt.step()
                recorder.step(loss); step += 1
                w.writerow([step, loss.item(), ""])
            with torch.no_grad(): v = (net(u[cut:], b[cut:]) - s[cut:]).pow(2).mean().item()
            recorder.validation(v); w.writerow([step, loss.item(), v])
            print(epoch, step, round(loss.item(), 3), round(v, 3))
            if v < best: best, bad = v, 0
            else: bad += 1
            if args.sound and bad == 4 and step > 500:
                break

if __name__ == "__main__":
    ap = argparse.ArgumentParser(); ap.add_argument("--out"); ap.add_argument("--sound", action="store_true")
    args = ap.parse_args(); os.makedirs(args.out, exist_ok=True); run(args)
