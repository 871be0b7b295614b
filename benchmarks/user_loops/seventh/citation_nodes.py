"""GCN for node classification on a block-structured citation graph (full batch)."""
import argparse, csv, os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm


def make_graph(n=1200, k=5, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    same = y[:, None] == y[None]
    adj = rng.random((n, n)) < np.where(same, 0.010, 0.0015)
    adj = np.triu(adj, 1)
    adj = (adj | adj.T).astype(np.float32) + np.eye(n, dtype=np.float32)
    d = adj.sum(1) ** -0.5
    topics = rng.normal(0, 0.35, (k, 64))
    x = topics[y] + rng.normal(0, 1, (n, 64))
    a = torch.tensor(adj * d[:, None] * d[None])
    return torch.tensor(x, dtype=torch.float32), a.to_sparse_csr(), torch.tensor(y)


class GCN(nn.Module):
    def __init__(self, d, h, k):
        super().__init__()
        self.w1, self.w2 = nn.Linear(d, h), nn.Linear(h, k)
        self.drop = nn.Dropout(0.5)

    def forward(self, x, a):
        h = torch.relu(a @ self.w1(self.drop(x)))
        return a @ self.w2(self.drop(h))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--epochs", type=int, default=400)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    os.makedirs(args.out, exist_ok=True)
    x, a, y = make_graph()
    perm = torch.randperm(len(y), generator=torch.Generator().manual_seed(1))
    tr, va, te = perm[:400], perm[400:700], perm[700:]
    model = GCN(64, 32, 5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-3)
    rows = []
    with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            model.train()
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x, a)[tr], y[tr])
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            row = [epoch, loss.item(), "", ""]
            if epoch % 10 == 9:
                model.eval()
                with torch.no_grad():
                    out = model(x, a)
                vl = F.cross_entropy(out[va], y[va]).item()
                hits = (out[va].argmax(1) == y[va]).sum().item()
                recorder.validation(vl, correct=hits, count=len(va))
                row[2:] = [vl, hits / len(va)]
                if epoch % 50 == 49:
                    print(f"epoch {epoch + 1} loss {loss.item():.3f} val {vl:.3f} acc {hits / len(va):.3f} test {(out[te].argmax(1) == y[te]).float().mean():.3f}")
            rows.append(row)
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["epoch", "loss", "val_loss", "val_acc"])
        w.writerows(rows)


if __name__ == "__main__":
    main()
