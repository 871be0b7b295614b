"""Ratings of films by factors of viewers and films, which are trained in turns: viewers one sweep, films the next."""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

import newllm

VIEWERS, FILMS, RANK = 400, 250, 6


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.viewers = nn.Embedding(VIEWERS, RANK)
        self.films = nn.Embedding(FILMS, RANK)
        self.viewer_bias = nn.Embedding(VIEWERS, 1)
        self.film_bias = nn.Embedding(FILMS, 1)
        for p in self.parameters():
            nn.init.normal_(p, std=0.2)

    def forward(self, viewer, film):
        product = (self.viewers(viewer) * self.films(film)).sum(1)
        return 3.5 + product + self.viewer_bias(viewer)[:, 0] + self.film_bias(film)[:, 0]

    def turn(self, viewers):
        """Let only one side train."""
        for layer in (self.viewers, self.viewer_bias):
            layer.requires_grad_(viewers)
        for layer in (self.films, self.film_bias):
            layer.requires_grad_(not viewers)


def ratings(n):
    g = torch.Generator().manual_seed(100)
    a, b = torch.randn(VIEWERS, 4, generator=g) * 0.7, torch.randn(FILMS, 4, generator=g) * 0.7
    taste, fame = torch.randn(VIEWERS, generator=g) * 0.3, torch.randn(FILMS, generator=g) * 0.4
    viewer = torch.randint(VIEWERS, (n,), generator=g)
    film = torch.randint(FILMS, (n,), generator=g)
    stars = 3.5 + (a[viewer] * b[film]).sum(1) + taste[viewer] + fame[film]
    return viewer, film, (stars + 0.3 * torch.randn(n, generator=g)).clamp(0.5, 5).mul(2).round() / 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(51)
    viewer, film, stars = ratings(24000)
    train, held = torch.arange(20000), torch.arange(20000, 24000)
    model = Factors()
    optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-2)
    table = [["sweep", "side", "step", "mse", "heldout_rmse"]]
    step = 0
    with newllm.record(model, optimizer, args.out / "recording") as recorder:
        for sweep in range(16):
            side = "viewers" if sweep % 2 == 0 else "films"
            model.turn(sweep % 2 == 0)
            for rows in train[torch.randperm(len(train))].split(400):
                loss = (model(viewer[rows], film[rows]) - stars[rows]).square().mean()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                table.append([sweep, side, step, loss.item(), ""])
                step += 1
            with torch.no_grad():
                error = (model(viewer[held], film[held]) - stars[held]).square().mean()
            recorder.validation(error)
            table[-1][-1] = error.sqrt().item()
            print(sweep, side, loss.item(), error.sqrt().item())
    with open(args.out / "log.csv", "w", newline="") as f:
        csv.writer(f).writerows(table)


if __name__ == "__main__":
    main()
