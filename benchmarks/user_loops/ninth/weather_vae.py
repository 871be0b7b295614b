"""A VAE of daily temperature curves (24 readings): the weight of the KL term is raised slowly, then held."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


class CurveVAE(nn.Module):
    def __init__(self, n=24, hidden=64, latent=6):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU())
        self.mu, self.logvar = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
                                     nn.Linear(hidden, n))

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h).clamp(-8, 4)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.decoder(z), mu, logvar


def curves(n):
    hour = torch.arange(24.0)
    amplitude = 3 + 2 * torch.rand(n, 1)
    peak = 14 + 1.5 * torch.randn(n, 1)
    level = 4 * torch.randn(n, 1)
    front = (torch.rand(n, 1) < 0.3).float() * 5 * torch.sigmoid((hour - 24 * torch.rand(n, 1)) * 1.5)
    curve = level + amplitude * torch.cos((hour - peak) * 2 * torch.pi / 24) - front
    return (curve + 0.5 * torch.randn(n, 24)) / 5


def parts(model, x):
    back, mu, logvar = model(x)
    noise = 0.1  # the sensors' standard deviation, after scaling
    reconstruction = ((back - x).square() / (2 * noise**2)).sum(1).mean()
    kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
    return reconstruction, kl


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--hold", type=int, default=250, help="steps without the KL term")
    parser.add_argument("--ramp", type=int, default=350, help="steps in which its weight grows to 1")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    train, valid = curves(6000), curves(800)
    model = CurveVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f:
        log = csv.writer(f)
        log.writerow(["step", "loss", "reconstruction", "kl", "beta", "val_elbo"])
        with newllm.record(model, optimizer, out=args.out / "recording", config=args) as recorder:
            for step in range(1, args.steps + 1):
                beta = min(1.0, max(0.0, (step - args.hold) / args.ramp))
                x = train[torch.randint(len(train), (96,))]
                reconstruction, kl = parts(model, x)
                loss = reconstruction + beta * kl
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 20.0)
                optimizer.step()
                recorder.step(loss)
                if step % 10 == 0:
                    recorder.metrics({"reconstruction": reconstruction, "kl": kl, "beta": beta})
                elbo = ""
                if step % 50 == 0:
                    with torch.no_grad():
                        reconstruction_val, kl_val = parts(model, valid)
                        elbo = (reconstruction_val + kl_val).item()
                    recorder.validation(elbo)
                log.writerow([step, loss.item(), reconstruction.item(), kl.item(), beta, elbo])


if __name__ == "__main__":
    main()
