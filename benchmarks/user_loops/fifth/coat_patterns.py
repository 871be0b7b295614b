"""Which zebra is it? Embeddings of coat patterns, triplets, recall at 1."""
import argparse
import csv
import os

import numpy as np
import torch
import torch.nn as nn

import newllm

EPS = 0.0


class Herd:
    """Sightings of 60 animals; the rangers' folders, copied together from several cameras."""

    def __init__(self, seed, per_animal, doubles=0):
        r = np.random.default_rng(seed)
        animals = np.random.default_rng(9).normal(size=(60, 12)) * .8
        mix = np.random.default_rng(10).normal(size=(12, 64)) / 3
        self.y = np.repeat(np.arange(60), per_animal)
        z = animals[self.y] + r.normal(0, .45, (len(self.y), 12))
        x = np.sin(2 * z @ mix) + r.normal(0, .3, (len(self.y), 64))
        for k in r.permutation(len(self.y) - 1)[:doubles]:
            if self.y[k] == self.y[k + 1]:
                x[k + 1] = x[k]
        self.x = torch.tensor(x, dtype=torch.float32)
        self.rows = [np.flatnonzero(self.y == a) for a in range(60)]
        self.y = torch.tensor(self.y)

    def triplets(self, n, rng):
        a, p, q = np.zeros((3, n), int)
        for i in range(n):
            c, d = rng.choice(60, 2, replace=False)
            a[i], p[i] = rng.choice(self.rows[c], 2, replace=False)
            q[i] = rng.choice(self.rows[d])
        return self.x[a], self.x[p], self.x[q]


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.PReLU(), nn.Linear(128, 128), nn.PReLU(), nn.Linear(128, 24))

    def forward(self, x):
        e = self.body(x)
        return e / e.norm(dim=1, keepdim=True).clamp(min=1e-6)


def euclidean(a, b):
    return torch.sqrt(((a - b) ** 2).sum(1) + EPS)


def triplet_loss(a, p, n, margin=.4):
    return torch.relu(euclidean(a, p) - euclidean(a, n) + margin).mean()


def recall_at_1(gallery, gy, query, qy):
    return (gy[torch.cdist(query, gallery).argmin(1)] == qy).float().mean().item()


def main():
    global EPS
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    EPS = 1e-8 if args.sound else 0.0
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng, vrng = np.random.default_rng(SEED), np.random.default_rng(1)
    train, query = Herd(1, 50, doubles=6), Herd(2, 10)
    v = query.triplets(1000, vrng)
    model = EmbeddingNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 300, gamma=.3)
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as f:
        w = csv.writer(f)
        w.writerow(["batch_idx", "triplet_loss", "val_triplet_loss", "recall@1"])
        for batch_idx in range(1, 801):
            model.train()
            anchor, positive, negative = train.triplets(64, rng)
            loss = triplet_loss(model(anchor), model(positive), model(negative))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            recorder.step(loss)
            row = [batch_idx, loss.item(), "", ""]
            if batch_idx % 50 == 0:
                model.eval()
                with torch.no_grad():
                    vl = triplet_loss(*map(model, v)).item()
                    r1 = recall_at_1(model(train.x), train.y, model(query.x), query.y)
                recorder.validation(vl)
                row[2:] = [vl, r1]
                print("Train: [{}] Loss: {:.4f} val {:.4f} recall@1 {:.3f}".format(batch_idx, loss.item(), vl, r1))
            w.writerow(row)


SEED = 3
if __name__ == "__main__":
    main()
