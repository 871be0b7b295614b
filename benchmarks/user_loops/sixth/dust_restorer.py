"""Takes dust and scratches off old negatives: a convolutional autoencoder. The dust gets heavier in three stages."""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn as nn

import newllm

STAGES = [(0, 0.1), (200, 0.25), (350, 0.45)]  # from this update on, this share of dust


def negatives(n, seed):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:24, 0:24] / 24
    a = r.uniform(-1, 1, (n, 6, 1, 1))
    img = 0.5 + 0.18 * (np.sin(6 * a[:, 0] * xx + 4 * a[:, 1]) + np.cos(7 * a[:, 2] * yy + 3 * a[:, 3]) + a[:, 4] * (xx > 0.5 + 0.3 * a[:, 5]))
    return torch.tensor(img[:, None], dtype=torch.float32)


def dirty(x, share, g):
    keep = (torch.rand(x.shape, generator=g) > share).float()
    x = x * keep + (1 - keep) * (torch.rand(x.shape, generator=g) < 0.5).float()
    col = torch.randint(0, 24, (len(x),), generator=g)
    x[torch.arange(len(x)), :, :, col] = 1.0
    return x


class Restorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
                                 nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.dec = nn.Sequential(nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
                                 nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1))

    def forward(self, x):
        return self.dec(self.enc(x))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(13)
    g = torch.Generator().manual_seed(14)
    clean, held = negatives(3000, 1), negatives(256, 2)
    dirty_held = dirty(held, 0.45, torch.Generator().manual_seed(15))
    net = Restorer()
    opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
    l1 = nn.L1Loss()
    stages = dict(STAGES)
    share, rows = None, []
    with newllm.record(net, opt, out=os.path.join(args.out, "recording")) as rec:
        for n in range(520):
            if n in stages:
                share = stages[n]
                if n:
                    rec.note(n + 1, f"more dust: {share}")
            x = clean[torch.randint(0, 3000, (24,), generator=g)]
            net.train()
            loss = l1(net(dirty(x, share, g)), x)
            opt.zero_grad()
            loss.backward()
            opt.step()
            rec.step(loss)
            row = {"n": n + 1, "l1": loss.item(), "l1_heavy": None}
            if (n + 1) % 40 == 0:
                net.eval()
                with torch.no_grad():
                    row["l1_heavy"] = l1(net(dirty_held), held).item()
                rec.validation(row["l1_heavy"])
                print(json.dumps(row))
            rows.append(row)
    with open(os.path.join(args.out, "log.csv"), "w") as f:
        f.write("n,l1,l1_heavy\n")
        for r in rows:
            f.write(",".join("" if v is None else f"{v:g}" for v in r.values()) + "\n")


main()
