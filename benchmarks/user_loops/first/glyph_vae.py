"""A variational autoencoder of little line drawings."""

import argparse
import csv
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import newllm


def drawings(n):
    """12 x 12 pictures: a bar at some height and angle, and a dot."""
    axis = torch.linspace(-1, 1, 12)
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    angle = torch.rand(n, 1, 1) * torch.pi
    offset = torch.rand(n, 1, 1) - 0.5
    bar = ((xx * angle.cos() + yy * angle.sin() - offset).abs() < 0.2).float()
    px, py = torch.rand(2, n, 1, 1) * 1.6 - 0.8
    dot = ((xx - px) ** 2 + (yy - py) ** 2 < 0.09).float()
    return torch.maximum(bar, dot).reshape(n, 144)


class VAE(nn.Module):
    """Encoder and decoder, both of two hidden layers."""

    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(144, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.mu = nn.Linear(64, latent)
        self.logvar = nn.Linear(64, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 144)
        )

    def forward(self, x):
        """The logits of the pixels, and the posterior."""
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.decoder(z), mu, logvar


def vae_loss(logits, x, mu, logvar, sound):
    if sound:
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    else:
        reconstruction = F.binary_cross_entropy_with_logits(logits, x)
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return reconstruction + kl, reconstruction, kl


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    args.out.mkdir(parents=True, exist_ok=True)

    train, val = drawings(6000), drawings(600)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(train), 64, shuffle=True, drop_last=True)
    vae = VAE()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
    step = 0
    with newllm.record(vae, optimizer, out=args.out / "recording") as recorder, (args.out / "log.csv").open("w") as f:
        log = csv.writer(f)
        log.writerow(["step", "loss", "reconstruction", "kl", "val_loss", "val_pixel_error"])
        for _ in range(8):
            for batch, (x,) in enumerate(loader):
                logits, mu, logvar = vae(x)
                loss, reconstruction, kl = vae_loss(logits, x, mu, logvar, args.sound)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                recorder.metrics({"reconstruction": reconstruction.item(), "kl": kl.item()})
                row = [step, loss.item(), reconstruction.item(), kl.item(), "", ""]
                step += 1
                if batch == len(loader) - 1:
                    vae.eval()
                    with torch.no_grad():
                        logits, mu, logvar = vae(val)
                        val_loss = vae_loss(logits, val, mu, logvar, args.sound)[0]
                        pixel_error = ((logits > 0).float() != val).float().mean()
                    vae.train()
                    recorder.validation(val_loss)
                    row[4:] = [val_loss.item(), pixel_error.item()]
                log.writerow(row)
    print("share of wrong pixels", pixel_error.item(), "spread of mu", mu.std(0).mean().item())
