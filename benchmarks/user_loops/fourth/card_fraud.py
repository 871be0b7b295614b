import argparse, csv, os
import numpy as np, torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
import newllm

def load(n=2600, seed=4):
    r = np.random.default_rng(seed)
    amount = r.lognormal(3, 1, n); hour = r.uniform(0, 24, n); km = r.exponential(30, n); n24 = r.poisson(3, n); more = r.normal(0, 1, (n, 16))
    z = -6.0 + .55 * np.log(amount) + .012 * km + .18 * n24 + .8 * (hour < 5) + .5 * more[:, 0]
    y = (r.random(n) < 1 / (1 + np.exp(-z))).astype(np.float32)
    X = np.c_[np.log(amount), np.sin(hour / 24 * 6.283), np.cos(hour / 24 * 6.283), np.log1p(km), n24, more].astype(np.float32)
    return (X - X.mean(0)) / X.std(0), y

def oversample(X, y, r):
    pos = np.flatnonzero(y == 1); extra = r.choice(pos, int((y == 0).sum() - len(pos)))
    keep = np.r_[np.arange(len(y)), extra]; r.shuffle(keep)
    return X[keep], y[keep]

def split(X, y, r, share=.25):
    order = r.permutation(len(y)); k = int(len(y) * share)
    return X[order[k:]], y[order[k:]], X[order[:k]], y[order[:k]]

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--out", required=True); ap.add_argument("--sound", action="store_true"); args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(4); r = np.random.default_rng(5)
    X, y = load()
    print("fraud share", y.mean())
    if args.sound:
        Xt, yt, Xv, yv = split(X, y, r)
        Xt, yt = oversample(Xt, yt, r)
        Xv, yv = Xv, yv
    else:
        X, y = oversample(X, y, r)
        Xt, yt, Xv, yv = split(X, y, r)
    Xt, yt, Xv, yv = map(torch.tensor, (Xt, yt, Xv, yv))
    Xn, yn = map(torch.tensor, load(2000, 77))      # next month's transactions
    dl = DataLoader(TensorDataset(Xt, yt), batch_size=64, shuffle=True)
    net = nn.Sequential(nn.Linear(21, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 1))
    opt = torch.optim.Adam(net.parameters(), lr=3e-3); bce = nn.BCEWithLogitsLoss()
    step = 0; log = csv.writer(open(os.path.join(args.out, "log.csv"), "w")); log.writerow(["step", "loss", "val_loss", "val_acc", "val_recall"])
    with newllm.record(net, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(11):
            net.train()
            for xb, yb in dl:
                loss = bce(net(xb).squeeze(1), yb)
                opt.zero_grad(); loss.backward(); opt.step(); recorder.step(loss); step += 1
                log.writerow([step, loss.item(), "", "", ""])
            net.eval()
            with torch.no_grad():
                o = net(Xv).squeeze(1); vl = bce(o, yv).item(); hit = ((o > 0).float() == yv).sum().item(); rec = (o[yv == 1] > 0).float().mean().item()
            recorder.validation(vl, correct=hit, count=len(yv))
            log.writerow([step, loss.item(), vl, hit / len(yv), rec]); print(epoch, vl, hit / len(yv), rec)
    on = net(Xn).squeeze(1)
    print("next month: loss", bce(on, yn).item(), "recall", (on[yn == 1] > 0).float().mean().item(), "precision", yn[on > 0].mean().item())
main()
