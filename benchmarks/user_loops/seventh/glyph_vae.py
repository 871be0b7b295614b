"""VAE on 14x14 binary glyphs (strokes and arcs), 8 latents."""
import argparse
import csv
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

SIZE = 14


def draw(n, seed):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    img = torch.zeros(n, SIZE, SIZE)
    ang = torch.rand(n, 1, 1, generator=g) * 3.14
    off = torch.rand(n, 1, 1, generator=g) * 0.8 - 0.4
    line = (xx * ang.cos() + yy * ang.sin() - off).abs() < 0.15
    cx, cy = [torch.rand(n, 1, 1, generator=g) - 0.5 for _ in range(2)]
    rad = 0.3 + 0.4 * torch.rand(n, 1, 1, generator=g)
    ring = (((xx - cx) ** 2 + (yy - cy) ** 2).sqrt() - rad).abs() < 0.13
    kind = torch.randint(0, 3, (n, 1, 1), generator=g)
    img = torch.where(kind == 0, line, torch.where(kind == 1, ring, line | ring)).float()
    return img.view(n, -1)


class VAE(nn.Module):
    def __init__(self, d=SIZE * SIZE, h=192, z=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.mu, self.logvar = nn.Linear(h, z), nn.Linear(h, z)
        self.dec = nn.Sequential(nn.Linear(z, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, d))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.dec(z), mu, logvar


def kl_term(mu, logvar):
    return -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1).mean()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=800)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(8)
    os.makedirs(args.out, exist_ok=True)
    train, val = draw(6000, 1), draw(800, 2)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def elbo(x):
        logits, mu, logvar = model(x)
        recon = F.binary_cross_entropy_with_logits(logits, x)
        if args.sound:
            recon = recon * x.shape[1]
        kl = kl_term(mu, logvar)
        return recon + kl, recon, kl, logits

    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f, \
            newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder:
        w = csv.writer(f)
        w.writerow(["step", "loss", "recon", "kl", "val_loss", "val_bce_pixel"])
        for step in range(1, args.steps + 1):
            x = train[torch.randint(0, len(train), (64,))]
            optimizer.zero_grad()
            loss, recon, kl, _ = elbo(x)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            vals = ["", ""]
            if step % 100 == 0:
                model.eval()
                with torch.no_grad():
                    vloss, _, _, logits = elbo(val)
                model.train()
                bce = F.binary_cross_entropy_with_logits(logits, val).item()
                vals = [round(vloss.item(), 5), round(bce, 5)]
                recorder.validation(vloss.item(), count=len(val))
                print(f"{step:4d} loss {loss.item():.4f} recon {recon.item():.4f} kl {kl.item():.4f} | val bce/pixel {bce:.4f}")
            w.writerow([step, round(loss.item(), 5), round(recon.item(), 5), round(kl.item(), 6)] + vals)


if __name__ == "__main__":
    main()
