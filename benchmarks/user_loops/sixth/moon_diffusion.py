"""DDPM in two dimensions (two moons), with an exponential moving average of the weights as everybody does."""
import argparse
import math
import os

import torch
from torch import nn

import newllm

T = 60


class EMA:
    def __init__(self, model, decay=0.995):
        self.decay = decay
        self.shadow = {k: v.detach().clone() for k, v in model.named_parameters()}
        self.backup = {}

    @torch.no_grad()
    def update(self, model):
        for k, v in model.named_parameters():
            self.shadow[k].lerp_(v, 1 - self.decay)

    @torch.no_grad()
    def apply(self, model):
        for k, v in model.named_parameters():
            self.backup[k] = v.detach().clone()
            v.copy_(self.shadow[k])

    @torch.no_grad()
    def restore(self, model):
        for k, v in model.named_parameters():
            v.copy_(self.backup[k])


class Denoiser(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.time = nn.Embedding(T, h)
        self.inp = nn.Linear(2, h)
        self.mid = nn.ModuleList([nn.Sequential(nn.LayerNorm(h), nn.Linear(h, h), nn.GELU(), nn.Linear(h, h)) for _ in range(2)])
        self.out = nn.Linear(h, 2)

    def forward(self, x, t):
        h = self.inp(x) + self.time(t)
        for m in self.mid:
            h = h + m(h)
        return self.out(h)


class Diffusion:
    def __init__(self):
        beta = torch.linspace(1e-3, 0.15, T)
        self.beta, self.alpha = beta, 1 - beta
        self.bar = torch.cumprod(self.alpha, 0)

    def loss(self, net, x, g=None):
        t = torch.randint(0, T, (len(x),), generator=g)
        e = torch.randn(x.shape, generator=g)
        b = self.bar[t][:, None]
        return ((net(b.sqrt() * x + (1 - b).sqrt() * e, t) - e) ** 2).mean()

    @torch.no_grad()
    def sample(self, net, n, g):
        x = torch.randn(n, 2, generator=g)
        for t in reversed(range(T)):
            e = net(x, torch.full((n,), t))
            x = (x - self.beta[t] / (1 - self.bar[t]).sqrt() * e) / self.alpha[t].sqrt()
            if t:
                x = x + self.beta[t].sqrt() * torch.randn(n, 2, generator=g)
        return x


def moons(n, g):
    a = torch.rand(n, generator=g) * math.pi
    s = torch.randint(0, 2, (n,), generator=g)
    x = torch.stack([a.cos() + s - 0.5, a.sin() * (1 - 2 * s) + 0.5 * s - 0.25], 1)
    return (x + 0.05 * torch.randn(n, 2, generator=g)) * 1.3


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def main(args):
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(1)
    net, diff = Denoiser(), Diffusion()
    ema = EMA(net)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    held = moons(600, g)
    with open(args.out + "/log.csv", "w") as f, newllm.record(net, opt, out=args.out + "/recording") as rec:
        f.write("step,mse,ema_mse,energy_distance\n")
        for step in range(1, 701):
            loss = diff.loss(net, moons(96, g))
            opt.zero_grad()
            loss.backward()
            opt.step()
            ema.update(net)
            rec.step(loss)
            f.write(f"{step},{loss.item():.5f}")
            if step % 50 == 0:
                ema.apply(net)
                gv = torch.Generator().manual_seed(99)
                with torch.no_grad():
                    v = diff.loss(net, held, gv).item()
                d = energy_distance(diff.sample(net, 600, gv), held)
                if args.sound:
                    ema.restore(net)
                rec.validation(v)
                f.write(f",{v:.5f},{d:.5f}\n")
                print(step, loss.item(), v, d)
            else:
                f.write(",,\n")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    main(args)
