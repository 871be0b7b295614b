"""A variational autoencoder of small line sketches: crosses, boxes and strokes on 16 x 16 points."""
import argparse, csv, os
import torch
from torch import nn
from torch.nn import functional as F
import newllm


def sketches(n, g):
    image = torch.zeros(n, 16, 16)
    grid = torch.arange(16)
    kind = torch.randint(3, (n,), generator=g)
    x0, y0 = torch.randint(1, 8, (2, n), generator=g)
    w, h = torch.randint(4, 8, (2, n), generator=g)
    inside_x = (grid[None] >= x0[:, None]) & (grid[None] <= (x0 + w)[:, None])
    inside_y = (grid[None] >= y0[:, None]) & (grid[None] <= (y0 + h)[:, None])
    edge_x = (grid[None] == x0[:, None]) | (grid[None] == (x0 + w)[:, None])
    edge_y = (grid[None] == y0[:, None]) | (grid[None] == (y0 + h)[:, None])
    mid_x = grid[None] == (x0 + w // 2)[:, None]
    mid_y = grid[None] == (y0 + h // 2)[:, None]

    def both(a, b):
        return a[:, :, None] & b[:, None, :]

    box = both(edge_y, inside_x) | both(inside_y, edge_x)
    cross = both(mid_y, inside_x) | both(inside_y, mid_x)
    stroke = both(mid_y | mid_y.roll(1, 1), inside_x)
    shape = torch.where((kind == 0)[:, None, None], box, torch.where((kind == 1)[:, None, None], cross, stroke))
    image[shape] = 1.0
    return image.flatten(1)


class SketchVAE(nn.Module):
    def __init__(self, latent=10):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(256, 160), nn.ReLU(), nn.Linear(160, 2 * latent))
        self.dec = nn.Sequential(nn.Linear(latent, 160), nn.ReLU(), nn.Linear(160, 256))

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, dim=1)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.dec(z), mu, logvar


def terms(model, x, reduction):
    logits, mu, logvar = model(x)
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    bce = bce.sum(1).mean() if reduction == "sum" else bce.mean()
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return bce, kld, logits


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--seed", type=int, default=20)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed)
    train, test = sketches(6400, g), sketches(640, g)
    reduction = "sum" if args.sound else "mean"
    vae = SketchVAE()
    opt = torch.optim.Adam(vae.parameters(), lr=2e-3)
    os.makedirs(args.out, exist_ok=True)
    with open(f"{args.out}/log.csv", "w", newline="") as f, newllm.record(vae, opt, out=f"{args.out}/recording") as rec:
        log = csv.writer(f)
        log.writerow(["epoch", "loss", "bce", "kld", "test_loss", "test_points_right"])
        for epoch in range(6):
            sums = torch.zeros(3)
            for rows in torch.randperm(6400, generator=g).split(64):
                bce, kld, _ = terms(vae, train[rows], reduction)
                loss = bce + kld
                opt.zero_grad()
                loss.backward()
                opt.step()
                rec.step(loss)
                sums += torch.stack([loss.detach(), bce.detach(), kld.detach()]) / 100
            vae.eval()
            with torch.no_grad():
                bce, kld, logits = terms(vae, test, reduction)
            vae.train()
            drawn = test > 0.5
            right = ((logits > 0) & drawn).sum().item() / drawn.sum().item()
            rec.validation((bce + kld).item())
            rec.metrics({"bce": sums[1], "kld": sums[2], "points_right": right})
            log.writerow([epoch + 1, *[v.item() for v in sums], (bce + kld).item(), right])


main()
