"""Next-song ranking with two towers and sampled softmax; Adagrad for the embedding tables, Adam for the rest."""
import argparse, csv, os
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

N_USER, N_SONG, D = 600, 400, 24


def listens(n, seed):
    g = torch.Generator().manual_seed(99)
    taste = torch.randn(N_USER, 6, generator=g)
    style = torch.randn(N_SONG, 6, generator=g)
    scores = taste @ style.T * 1.3
    g = torch.Generator().manual_seed(seed)
    u = torch.randint(0, N_USER, (n,), generator=g)
    s = torch.multinomial(scores.softmax(1)[u], 1, generator=g).squeeze(1)
    return u, s


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.song = nn.Embedding(N_USER, D), nn.Embedding(N_SONG, D)
        nn.init.normal_(self.user.weight, std=0.1)
        nn.init.normal_(self.song.weight, std=0.1)
        self.mlp_u = nn.Sequential(nn.Linear(D, 48), nn.ReLU(), nn.Linear(48, D))
        self.mlp_s = nn.Sequential(nn.Linear(D, 48), nn.ReLU(), nn.Linear(48, D))

    def forward(self, u, s):
        a, b = self.user(u), self.song(s)
        a = a + self.mlp_u(a)
        b = b + self.mlp_s(b)
        return torch.einsum("bd,bkd->bk", a, b)


def rank_metrics(model, u, s):
    with torch.no_grad():
        every = torch.arange(N_SONG)
        score = torch.cat([model(c, every.expand(len(c), -1)) for c in u.split(500)])
    rank = (score > score.gather(1, s[:, None])).sum(1)
    return F.cross_entropy(score, s).item(), (rank < 20).float().mean().item(), (1 / (rank + 1.0)).mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=700)
    ap.add_argument("--negatives", type=int, default=31)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(12)
    os.makedirs(args.out, exist_ok=True)
    u, s = listens(60000, 1)
    uv, sv = listens(2000, 2)
    model = Towers()
    tables = torch.optim.Adagrad([model.user.weight, model.song.weight], lr=0.1)
    dense = torch.optim.Adam([*model.mlp_u.parameters(), *model.mlp_s.parameters()], lr=1e-3)
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f, newllm.record(model, dense, out=os.path.join(args.out, "recording")) as recorder:
        w = csv.writer(f)
        w.writerow(["step", "loss", "val_loss", "recall@20", "mrr"])
        for step in range(args.steps):
            i = torch.randint(0, len(u), (128,))
            cand = torch.cat([s[i, None], torch.randint(0, N_SONG, (128, args.negatives))], 1)
            score = model(u[i], cand)
            loss = F.cross_entropy(score, torch.zeros(128, dtype=torch.long))
            tables.zero_grad()
            dense.zero_grad()
            loss.backward()
            tables.step()
            dense.step()
            recorder.step(loss)
            m = ("", "", "")
            if (step + 1) % 70 == 0:
                m = rank_metrics(model, uv, sv)
                recorder.validation(m[0], count=len(uv))
                recorder.metrics({"recall@20": m[1], "mrr": m[2]})
                print(f"{step + 1} loss {loss.item():.3f} val {m[0]:.3f} recall@20 {m[1]:.3f} mrr {m[2]:.3f}")
            w.writerow([step, loss.item(), *m])


if __name__ == "__main__":
    main()
