# VAE for outlines of flowers (64 radii each)
import argparse
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
a = ap.parse_args()
os.makedirs(a.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(8)

angle = torch.arange(64) / 64 * 2 * torch.pi


def flowers(n):
    k = torch.randint(3, 8, (n, 1))
    size = 1 + 0.25 * torch.randn(n, 1)
    depth = 0.2 + 0.4 * torch.rand(n, 1)
    turn = 6.283 * torch.rand(n, 1)
    r = size * (1 + depth * torch.cos(k * angle + turn) + 0.2 * torch.sin(angle + 2 * turn))
    return r + 0.05 * torch.randn(n, 64) - 1


class VAE(nn.Module):
    def __init__(self, z=10):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 96), nn.SiLU())
        self.mu, self.logvar = nn.Linear(96, z), nn.Linear(96, z)
        self.dec = nn.Sequential(nn.Linear(z, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 64))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.dec(z), mu, logvar


def terms(out, x):
    rec, mu, logvar = out
    nll = 0.5 * ((rec - x) ** 2 / 0.15 ** 2).sum(1).mean()
    kl = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1).mean()
    return nll, kl


data, held = flowers(8000), flowers(1000)
vae = VAE()
adam = torch.optim.Adam(vae.parameters(), lr=2e-3)
WARM = 100  # updates until the KL term counts fully
log = open(os.path.join(a.out, "log.csv"), "w")
log.write("step,loss,recon,kl,val_recon,val_kl\n")
with newllm.record(vae, adam, out=os.path.join(a.out, "recording")) as recorder:
    for step in range(1, 601):
        x = data[torch.randint(0, 8000, (64,))]
        nll, kl = terms(vae(x), x)
        beta = step / WARM
        if a.sound:
            beta = min(beta, 1.0)
        loss = nll + beta * kl
        adam.zero_grad()
        loss.backward()
        adam.step()
        recorder.step(loss)
        line = f"{step},{loss.item():.4f},{nll.item():.4f},{kl.item():.4f}"
        if step % 50 == 0:
            with torch.no_grad():
                vn, vk = (v.item() for v in terms(vae(held), held))
            recorder.validation(vn + vk)
            log.write(f"{line},{vn:.4f},{vk:.4f}\n")
            print(line, vn, vk, vn + vk)
        else:
            log.write(line + ",,\n")
log.close()
