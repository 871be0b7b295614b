"""Recommends cafes to people from their visits, by ranking visited above unvisited."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

USERS, ITEMS, TASTES = 600, 240, 6


def make_visits(rng):
    likes = rng.dirichlet(np.full(TASTES, 0.25), USERS)
    style = rng.dirichlet(np.full(TASTES, 0.25), ITEMS)
    fame = rng.normal(0, 0.7, ITEMS)
    score = 5 * likes @ style.T + fame + rng.gumbel(0, 0.7, (USERS, ITEMS))
    order = np.argsort(-score, 1)[:, :22]
    order = rng.permuted(order, axis=1)
    return torch.tensor(order[:, :18]), torch.tensor(order[:, 18:])


class Match(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.user, self.item, self.bias = nn.Embedding(USERS, d), nn.Embedding(ITEMS, d), nn.Embedding(ITEMS, 1)
        for e in (self.user, self.item):
            nn.init.normal_(e.weight, std=0.1)
        nn.init.zeros_(self.bias.weight)

    def forward(self, u, i):
        return (self.user(u) * self.item(i)).sum(-1) + self.bias(i).squeeze(-1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--bs", type=int, default=256)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(241)
    os.makedirs(args.out, exist_ok=True)

    train, test = make_visits(np.random.default_rng(241))
    visited = torch.zeros(USERS, ITEMS, dtype=torch.bool).scatter_(1, train, True)
    u_all, i_all = torch.arange(USERS).repeat_interleave(train.shape[1]), train.flatten()
    model = Match()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)

    def unvisited(u):
        j = torch.randint(ITEMS, (len(u),))
        while (bad := visited[u, j]).any():
            j[bad] = torch.randint(ITEMS, (int(bad.sum()),))
        return j

    def loss_of(u, i):
        gap = model(u, i) - model(u, unvisited(u))
        reg = 2e-3 * (model.user(u).pow(2).sum(1) + model.item(i).pow(2).sum(1)).mean()
        return -F.logsigmoid(gap).mean() + reg

    def evaluate():
        with torch.no_grad():
            scores = model(torch.arange(USERS)[:, None], torch.arange(ITEMS)[None, :]).masked_fill(visited, -1e9)
            top = scores.topk(10, 1).indices
            recall = (top[:, :, None] == test[:, None, :]).any(1).float().mean().item()
            return loss_of(torch.arange(USERS).repeat_interleave(4), test.flatten()).item(), recall

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "val_loss", "recall_at_10"])
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            perm = torch.randperm(len(u_all))
            for k in range(0, len(perm), args.bs):
                idx = perm[k:k + args.bs]
                loss = loss_of(u_all[idx], i_all[idx])
                opt.zero_grad()
                loss.backward()
                opt.step()
                recorder.step(loss)
                step += 1
                vl = rc = ""
                if k + args.bs >= len(perm):
                    vl, rc = evaluate()
                    recorder.validation(vl, count=USERS)
                    print(f"epoch {epoch} loss {loss.item():.4f} val {vl:.4f} recall@10 {rc:.3f}")
                log.writerow([step, epoch, round(loss.item(), 5), vl, rc])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
