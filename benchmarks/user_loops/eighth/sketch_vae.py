"""Variational autoencoder of small line sketches."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def sketch(rng, s=16):
    yy, xx = np.mgrid[0:s, 0:s].astype(np.float64)
    img = np.zeros((s, s))
    kind = rng.integers(0, 3)
    cx, cy = rng.uniform(5, 11, 2)
    if kind == 0:
        r = rng.uniform(2.5, 5)
        d = np.abs(np.hypot(xx - cx, yy - cy) - r)
    elif kind == 1:
        r = rng.uniform(2.5, 5)
        d = np.abs(np.maximum(np.abs(xx - cx), np.abs(yy - cy)) - r)
    else:
        a = rng.uniform(0, np.pi)
        d = np.minimum(np.abs((xx - cx) * np.sin(a) - (yy - cy) * np.cos(a)),
                       np.abs((xx - cx) * np.cos(a) + (yy - cy) * np.sin(a)))
    img = np.exp(-(d / 0.8) ** 2)
    return np.clip(img + rng.normal(0, 0.02, (s, s)), 0, 1)


class VAE(nn.Module):
    def __init__(self, d=256, h=160, z=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.mu, self.logvar = nn.Linear(h, z), nn.Linear(h, z)
        self.dec = nn.Sequential(nn.Linear(z, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, d))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.dec(z), mu, logvar


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=800)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(131)
    os.makedirs(args.out, exist_ok=True)

    rng = np.random.default_rng(131)
    x = torch.tensor(np.stack([sketch(rng).ravel() for _ in range(5000)]), dtype=torch.float32)
    xv = torch.tensor(np.stack([sketch(rng).ravel() for _ in range(500)]), dtype=torch.float32)
    model = VAE()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)

    def loss_of(batch):
        logits, mu, logvar = model(batch)
        if args.sound:
            rec = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum") / len(batch)
        else:
            rec = F.binary_cross_entropy_with_logits(logits, batch)
        kl = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1).mean()
        return rec + kl, rec, kl

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "reconstruction", "kl", "val_loss"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            loss, rec, kl = loss_of(x[torch.randint(len(x), (64,))])
            opt.zero_grad()
            loss.backward()
            opt.step()
            recorder.step(loss)
            vl = ""
            if (step + 1) % 100 == 0:
                model.eval()
                with torch.no_grad():
                    vl = loss_of(xv)[0].item()
                model.train()
                recorder.validation(vl, count=len(xv))
                print(f"step {step + 1} loss {loss.item():.4f} rec {rec.item():.4f} kl {kl.item():.4f} val {vl:.4f}")
            log.writerow([step, round(loss.item(), 5), round(rec.item(), 5), round(kl.item(), 5), vl])
    f.close()
    model.eval()
    with torch.no_grad():
        err = (torch.sigmoid(model(xv)[0]) - xv).pow(2).mean().item()
    print(f"test squared error per pixel {err:.4f} (mean picture {(x.mean(0) - xv).pow(2).mean().item():.4f})")


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
