"""Compress the spectra of stars: VAE with Gaussian noise model, the KL term warmed up."""
import argparse
import csv
import math
import os

import numpy as np
import torch
import torch.nn as nn

import newllm


def spectra(n, seed):
    r = np.random.default_rng(seed)
    lam = np.linspace(0, 1, 60)[None]
    temp, metal, shift, width = r.normal(size=(4, n, 1))
    base = np.exp(-(lam - .4 - .12 * temp) ** 2 / .15)
    out = 1.5 * base
    for k, c in enumerate([.15, .33, .52, .7, .86]):
        out = out - (.5 + .2 * np.tanh(metal) * (-1) ** k) * np.exp(-(lam - c - .015 * shift) ** 2 / (2 * (.015 * np.exp(.3 * width)) ** 2))
    return torch.tensor(out + r.normal(0, .1, (n, 60)), dtype=torch.float32)


class SpectraVAE(nn.Module):
    def __init__(self, latent=6, hidden=96):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(60, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU(), nn.Linear(hidden, 2 * latent))
        self.dec = nn.Sequential(nn.Linear(latent, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU(), nn.Linear(hidden, 60))

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, 1)
        z = mu + torch.randn_like(mu) * (.5 * logvar).exp() if self.training else mu
        return self.dec(z), mu, logvar


class KLSchedule:
    """Weight of the KL term: rises linearly over `warmup` updates."""

    def __init__(self, warmup, clamp):
        self.warmup, self.clamp = warmup, clamp

    def __call__(self, step):
        w = step / self.warmup
        return min(w, 1.0) if self.clamp else w


def terms(model, x, sigma=.1):
    recon, mu, logvar = model(x)
    rec = (.5 * ((recon - x) / sigma) ** 2 + math.log(sigma) + .5 * math.log(2 * math.pi)).sum(1).mean()
    kl = (-.5 * (1 + logvar - mu ** 2 - logvar.exp())).sum(1).mean()
    return rec, kl


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--kl_warmup", type=int, default=120)
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(64)
    train, val = spectra(8000, 1), spectra(1000, 2)
    model = SpectraVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    beta = KLSchedule(args.kl_warmup, args.sound)
    step = 0
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
        log = csv.writer(f)
        log.writerow(["step", "train/total", "train/rec", "train/kl", "kl_weight", "val/elbo", "val/rmse"])
        for epoch in range(12):
            for idx in torch.randperm(len(train)).split(100):
                rec, kl = terms(model, train[idx])
                loss = rec + beta(step) * kl
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 200.)
                optimizer.step()
                recorder.step(loss)
                step += 1
                log.writerow([step, loss.item(), rec.item(), kl.item(), beta(step - 1), "", ""])
            with torch.no_grad():
                r, k = terms(model, val)
                model.eval()
                rmse = ((model(val)[0] - val) ** 2).mean().sqrt().item()
                model.train()
            recorder.validation((r + k).item())
            log.writerow([step, "", "", "", "", (r + k).item(), rmse])
            print(epoch, f"loss {loss.item():.2f} rec {rec.item():.2f} kl {kl.item():.2f} val elbo loss {(r + k).item():.2f} rmse {rmse:.4f}")


if __name__ == "__main__":
    main()
