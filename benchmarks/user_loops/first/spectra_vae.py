"""A variational autoencoder of spectra. The weight of the KL term rises from 0 to 1 between updates 150 and 450."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm


class SpectraVAE(nn.Module):
    """Four latent numbers."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(40, 96), nn.GELU(), nn.Linear(96, 8))
        self.decoder = nn.Sequential(nn.Linear(4, 96), nn.GELU(), nn.Linear(96, 40))

    def forward(self, x):
        """Reconstruction, mean and log variance."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        logvar = logvar.clamp(-8, 8)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu) if self.training else mu
        return self.decoder(z), mu, logvar


def spectra(n):
    grid = torch.linspace(0, 1, 40)
    centre, width, height = torch.rand(3, n, 1)
    line = (0.5 + height) * torch.exp(-(((grid - 0.2 - 0.6 * centre) / (0.06 + 0.1 * width)) ** 2))
    return line + 0.2 * torch.randn(n, 40)


def terms(model, x):
    output, mu, logvar = model(x)
    reconstruction = ((output - x) ** 2).sum(1).mean() / (2 * 0.2**2)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
    return reconstruction, kl


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true", help="changes nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(12)
    x_train, x_val = spectra(10000), spectra(800)
    model = SpectraVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    args.out.mkdir(parents=True, exist_ok=True)
    with (
        (args.out / "log.csv").open("w", newline="") as file,
        newllm.record(model, optimizer, out=args.out / "recording", config=vars(args)) as recorder,
    ):
        log = csv.writer(file)
        log.writerow(["step", "loss", "reconstruction", "kl", "beta", "val_reconstruction"])
        order = torch.cat([torch.randperm(len(x_train))[:9984] for _ in range(5)]).view(-1, 64)
        for step in range(700):
            beta = min(1.0, max(0.0, (step - 150) / 300))
            reconstruction, kl = terms(model, x_train[order[step]])
            loss = reconstruction + beta * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            recorder.metrics({"reconstruction": reconstruction.item(), "kl": kl.item(), "beta": beta})
            row = [step, loss.item(), reconstruction.item(), kl.item(), beta, ""]
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    row[5] = terms(model, x_val)[0].item()
                model.train()
                recorder.validation(row[5])
            log.writerow(row)


if __name__ == "__main__":
    main()
