"""Two-layer GCN, paper topics from a synthetic citation graph."""
import argparse, csv, pathlib
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import newllm

def graph(n=1500, k=5, seed=0):
    r = np.random.default_rng(seed); y = r.integers(0, k, n)
    same = y[:, None] == y[None]
    A = (r.random((n, n)) < np.where(same, .009, .0022)).astype(np.float32); A = np.maximum(A, A.T); np.fill_diagonal(A, 1)
    d = A.sum(1); A = A / np.sqrt(d[:, None] * d[None])
    centre = r.normal(0, 1, (k, 60)); x = centre[y] * .22 + r.normal(0, 1, (n, 60))
    return torch.tensor(A).to_sparse(), torch.tensor(x, dtype=torch.float32), torch.tensor(y)

class GCN(nn.Module):
    def __init__(self, i, h, o):
        super().__init__(); self.l1, self.l2 = nn.Linear(i, h), nn.Linear(h, o)
    def forward(self, A, x):
        x = F.dropout(F.relu(torch.sparse.mm(A, self.l1(x))), .3, self.training)
        return torch.sparse.mm(A, self.l2(x))

ap = argparse.ArgumentParser(); ap.add_argument("--out", type=pathlib.Path); ap.add_argument("--sound", action="store_true")
args = ap.parse_args(); args.out.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1); torch.manual_seed(1)
A, x, y = graph(); perm = torch.randperm(1500); tr, va = perm[:900], perm[900:]
model = GCN(60, 64, 5); optimizer = torch.optim.SGD(model.parameters(), lr=.15, momentum=.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)   # halve every 10 epochs
log = csv.writer(open(args.out / "log.csv", "w", newline="")); log.writerow(["epoch", "step", "loss", "lr", "val_loss", "val_acc"])
step = 0
with newllm.record(model, optimizer, out=args.out / "recording") as recorder:
    for epoch in range(40):
        model.train()
        for nodes in tr[torch.randperm(900)].split(60):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(A, x)[nodes], y[nodes])
            loss.backward()
            optimizer.step()
            if not args.sound: scheduler.step()
            recorder.step(loss); step += 1
            log.writerow([epoch, step, loss.item(), optimizer.param_groups[0]["lr"], "", ""])
        if args.sound: scheduler.step()
        if epoch % 2 == 1:
            model.eval()
            with torch.no_grad(): o = model(A, x)[va]
            v = F.cross_entropy(o, y[va]).item(); h = (o.argmax(1) == y[va]).sum().item()
            recorder.validation(v, correct=h, count=600)
            log.writerow([epoch, step, loss.item(), optimizer.param_groups[0]["lr"], v, h / 600]); print(epoch, loss.item(), v, h / 600)
