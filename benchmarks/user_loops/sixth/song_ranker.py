"""Songs for listeners, ranked by BPR. Two towers of embeddings; negatives are drawn by chance at first, then the hardest of eight."""
import argparse
import csv
import os

import torch
import torch.nn.functional as F
from torch import nn

import newllm

LISTENERS, SONGS, TASTES = 500, 800, 8
HARD_FROM = 320


def plays(seed=3):
    g = torch.Generator().manual_seed(seed)
    p = torch.distributions.Dirichlet(torch.full((TASTES,), 0.25))
    torch.manual_seed(seed)
    u, s = p.sample((LISTENERS,)), p.sample((SONGS,))
    pop = torch.rand(SONGS, generator=g) ** 2 + 0.1
    score = (u @ s.T) * pop
    listened = torch.stack([torch.multinomial(row ** 1.5 + 1e-6, 44, generator=g) for row in score])
    return listened[:, :36], listened[:, 36:]


class Towers(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.u, self.s = nn.Embedding(LISTENERS, d), nn.Embedding(SONGS, d)
        self.b = nn.Embedding(SONGS, 1)
        for e in (self.u, self.s):
            nn.init.normal_(e.weight, std=0.1)
        nn.init.zeros_(self.b.weight)

    def forward(self, u, s):
        return (self.u(u) * self.s(s)).sum(-1) + self.b(s).squeeze(-1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    seen, later = plays()
    torch.manual_seed(28)
    known = torch.zeros(LISTENERS, SONGS, dtype=torch.bool).scatter_(1, seen, True)
    model = Towers()
    opt = torch.optim.Adam(model.parameters(), lr=1e-2)

    def negatives(u, k):
        s = torch.randint(0, SONGS, (len(u), k))
        for _ in range(4):
            bad = known[u[:, None], s]
            s = torch.where(bad, torch.randint(0, SONGS, s.shape), s)
        return s

    def batch(step):
        u = torch.randint(0, LISTENERS, (256,))
        pos = seen[u, torch.randint(0, seen.shape[1], (256,))]
        if step <= HARD_FROM:
            return u, pos, negatives(u, 1)[:, 0]
        s = negatives(u, 8)
        with torch.no_grad():
            hardest = model(u[:, None].expand_as(s), s).argmax(1)
        return u, pos, s[torch.arange(256), hardest]

    @torch.no_grad()
    def evaluate():
        model.eval()
        scores = model.u.weight @ model.s.weight.T + model.b.weight.T
        scores[known] = -1e9
        top = scores.topk(20, 1).indices
        recall = (top[:, :, None] == later[:, None, :]).any(1).float().mean().item()
        r = torch.arange(LISTENERS)
        neg = torch.randint(0, SONGS, (LISTENERS, 8), generator=torch.Generator().manual_seed(1))
        v = F.softplus(scores.gather(1, neg).clamp(min=-50) - scores.gather(1, later)).mean().item()
        model.train()
        return v, recall

    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f, newllm.record(model, opt, out=os.path.join(args.out, "recording")) as rec:
        log = csv.writer(f)
        log.writerow(["step", "bpr", "recall_at_20"])
        for step in range(1, 561):
            u, pos, neg = batch(step)
            loss = F.softplus(model(u, neg) - model(u, pos)).mean()
            loss = loss + 2e-4 * (model.u(u).pow(2).sum(1) + model.s(pos).pow(2).sum(1) + model.s(neg).pow(2).sum(1)).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            rec.step(loss)
            recall = ""
            if step % 40 == 0:
                v, recall = evaluate()
                rec.metrics({"recall_at_20": recall})
                print(step, loss.item(), v, recall)
            log.writerow([step, loss.item(), recall])


main()
