"""Two recordings of the same bird should lie close together (InfoNCE, as in SimCLR)."""
import argparse
import math
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 16, 9, stride=2, padding=4), nn.ReLU(), nn.Conv1d(16, 32, 7, stride=2, padding=3), nn.ReLU(),
                                  nn.Conv1d(32, 32, 5, stride=2, padding=2), nn.ReLU())
        self.proj = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, x):
        h = self.conv(x)
        return F.normalize(self.proj(h.mean(-1) + h.amax(-1)), dim=1)


class Birds:
    def __init__(self, n, seed):
        self.g = torch.Generator().manual_seed(seed)
        self.f = torch.rand(n, 3, generator=self.g) * 0.5 + 0.05
        self.a = torch.rand(n, 3, generator=self.g) + 0.3
        self.t = torch.arange(96.0)

    def call(self, i):
        g, n = self.g, len(i)
        ph = 2 * math.pi * torch.rand(n, 3, 1, generator=g)
        x = (self.a[i][..., None] * torch.sin(2 * math.pi * self.f[i][..., None] * (1 + 0.02 * torch.randn(n, 1, 1, generator=g)) * self.t + ph)).sum(1)
        return (x * (0.7 + 0.6 * torch.rand(n, 1, generator=g)) + 0.5 * torch.randn(n, 96, generator=g))[:, None]


def info_nce(a, b, tau=0.2):
    s = a @ b.T / tau
    y = torch.arange(len(a))
    return 0.5 * (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)), (s.argmax(1) == y).float().mean()


def train(args):
    torch.manual_seed(23)
    birds, others = Birds(3000, 1), Birds(256, 2)
    net = Encoder()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-5)
    sizes = {1: 32, 351: 128}
    log = ["update,nce,top1,other_birds_nce,other_birds_top1"]
    with newllm.record(net, opt, out=os.path.join(args.out, "recording")) as rec:
        for u in range(1, 601):
            size = sizes.get(u, None) or size
            i = torch.randperm(3000)[:size]
            loss, top = info_nce(net(birds.call(i)), net(birds.call(i)))
            opt.zero_grad()
            loss.backward()
            opt.step()
            rec.step(loss)
            extra = ","
            if u % 50 == 0:
                with torch.no_grad():
                    i = torch.arange(256)
                    l, t = info_nce(net(others.call(i)), net(others.call(i)))
                rec.validation(l.item())
                extra = f"{l.item():.5f},{t.item():.4f}"
                print(u, loss.item(), top.item(), extra)
            log.append(f"{u},{loss.item():.5f},{top.item():.4f},{extra}")
    with open(os.path.join(args.out, "log.csv"), "w") as f:
        f.write("\n".join(log))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    train(args)
