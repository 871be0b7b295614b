"""Click-through on a classified-ads site: user, ad and slot embeddings, one pass over the impressions in time order."""
import argparse
import csv
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import newllm

USERS, ADS, SLOTS = 20000, 1500, 6


class ClickModel(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.user = nn.Embedding(USERS, dim)
        self.ad = nn.Embedding(ADS, dim)
        self.slot = nn.Embedding(SLOTS, dim)
        for table in (self.user, self.ad, self.slot):
            nn.init.normal_(table.weight, std=0.05)
        self.mlp = nn.Sequential(nn.Linear(3 * dim + 2, 32), nn.ReLU(), nn.Linear(32, 1))
        nn.init.constant_(self.mlp[-1].bias, -3.3)

    def forward(self, user, ad, slot, context):
        x = torch.cat([self.user(user), self.ad(ad), self.slot(slot), context], dim=1)
        return self.mlp(x).squeeze(1)


def zipf(n, size, g):
    return (torch.exp(torch.rand(n, generator=g) * torch.log(torch.tensor(float(size)))) - 1).long().clamp(0, size - 1)


def impressions(n, g):
    quality = torch.randn(ADS, generator=torch.Generator().manual_seed(1)) * 0.7
    place = torch.tensor([0.9, 0.4, 0.1, -0.2, -0.5, -0.9])
    user, ad = zipf(n, USERS, g), zipf(n, ADS, g)
    slot = torch.randint(SLOTS, (n,), generator=g)
    hour = torch.rand(n, generator=g)
    context = torch.stack([torch.sin(6.283 * hour), torch.cos(6.283 * hour)], dim=1)
    logit = -4.0 + quality[ad] + place[slot] + 0.4 * context[:, 0]
    click = (torch.rand(n, generator=g) < torch.sigmoid(logit)).float()
    return user, ad, slot, context, click


def auc(score, label):
    rank = score.argsort().argsort().float() + 1
    positive = label.sum()
    return ((rank[label > 0.5].sum() - positive * (positive + 1) / 2) / (positive * (len(label) - positive))).item()


def run(args):
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed)
    stream = impressions(args.steps * args.batch, g)
    later = impressions(20000, g)
    model = ClickModel()
    optimizer = torch.optim.Adam([
        {"params": [p for n, p in model.named_parameters() if "mlp" not in n], "lr": 4e-3},
        {"params": model.mlp.parameters(), "lr": 1.5e-3},
    ])
    smooth = None
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, \
            newllm.record(model, optimizer, out=args.out / "recording") as recorder:
        log = csv.writer(f)
        log.writerow(["step", "logloss", "smoothed", "val_logloss", "val_auc"])
        for step in range(args.steps):
            user, ad, slot, context, click = (c[step * args.batch:(step + 1) * args.batch] for c in stream)
            loss = F.binary_cross_entropy_with_logits(model(user, ad, slot, context), click)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
            row = [step + 1, loss.item(), smooth, "", ""]
            if (step + 1) % 60 == 0:
                model.eval()
                with torch.no_grad():
                    score = model(*later[:4])
                model.train()
                row[3:] = [F.binary_cross_entropy_with_logits(score, later[4]).item(), auc(score, later[4])]
                recorder.validation(row[3])
                recorder.metrics({"auc": row[4]})
            log.writerow(row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=30)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=256)
    torch.set_num_threads(1)
    run(parser.parse_args())
