import argparse, csv, os
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import newllm

parser = argparse.ArgumentParser(); parser.add_argument("--out"); parser.add_argument("--sound", action="store_true"); args = parser.parse_args()
os.makedirs(args.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(70); rng = np.random.default_rng(70)

def objects(n):
    y = rng.integers(0, 8, n); t = np.linspace(0, 1, 64)
    f = 2 + y % 4; form = y // 4; ph = rng.uniform(0, 1, n)
    arg = f[:, None] * t[None] + ph[:, None]
    s = np.where(form[:, None] == 0, np.sin(6.283 * arg), 2 * (arg % 1) - 1)
    return torch.tensor(s, dtype=torch.float32), torch.tensor(y)

def view(x):
    x = x * torch.empty(len(x), 1).uniform_(.6, 1.4)
    x = torch.roll(x, int(torch.randint(0, 64, ())), 1)
    x = x + torch.randn_like(x) * .25
    start = int(torch.randint(0, 52, ())); x = x.clone(); x[:, start:start + 12] = 0
    return x[:, None]

enc = nn.Sequential(nn.Conv1d(1, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(24, 48, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
proj = nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 24)); model = nn.Sequential(enc, proj)
opt = torch.optim.Adam(model.parameters(), lr=2e-3); X, Y = objects(4096); XV, YV = objects(500)

def nt_xent(a, b, tau=.2):
    z = F.normalize(torch.cat([a, b]), dim=1); s = z @ z.t() / tau; n = len(a)
    s = s.masked_fill(torch.eye(2 * n, dtype=torch.bool), -1e9)
    return F.cross_entropy(s, torch.cat([torch.arange(n) + n, torch.arange(n)]))

def knn():
    with torch.no_grad(): h, hv = F.normalize(enc(X[:1500, None]), dim=1), F.normalize(enc(XV[:, None]), dim=1)
    return (Y[(hv @ h.t()).topk(9).indices].mode(1).values == YV).float().mean().item()

log = []
with newllm.record(model, opt, out=args.out + "/recording") as recorder:
    for step in range(1, 501):
        i = torch.randperm(4096)[:64]; loss = nt_xent(model(view(X[i])), model(view(X[i])))
        opt.zero_grad(); loss.backward(); opt.step(); recorder.step(loss); log.append([step, loss.item(), "", ""])
        if step % 50 == 0:
            with torch.no_grad(): v = np.mean([nt_xent(model(view(XV[j:j + 64])), model(view(XV[j:j + 64]))).item() for j in range(0, 448, 64)])
            k = knn(); recorder.validation(float(v)); recorder.metrics({"knn": k}); log[-1][2:] = [v, k]; print(step, loss.item(), v, k)
with open(args.out + "/log.csv", "w") as f: csv.writer(f).writerows([["step", "loss", "val_loss", "knn_acc"]] + log)
