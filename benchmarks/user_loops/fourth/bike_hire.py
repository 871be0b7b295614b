"""Hourly bike hires, regression on log counts."""
import argparse, csv, os
import numpy as np, torch, torch.nn as nn
import newllm

def table(n, seed):
    r = np.random.default_rng(seed); hour = r.integers(0, 24, n); wd = r.integers(0, 7, n); temp = r.normal(14, 8, n); rain = r.random(n) < .2; wind = r.gamma(2, 6, n)
    rush = np.exp(-(hour - 8) ** 2 / 4) + np.exp(-(hour - 17) ** 2 / 6); work = wd < 5
    lam = 3 + 1.3 * rush * work + .8 * np.exp(-(hour - 14) ** 2 / 20) * ~work + .05 * temp - .0008 * temp ** 2 - .7 * rain - .015 * wind
    y = np.log1p(r.poisson(np.exp(lam)))
    X = np.c_[np.sin(hour / 24 * 6.283), np.cos(hour / 24 * 6.283), np.sin(hour / 12 * 6.283), np.cos(hour / 12 * 6.283), np.eye(7)[wd], temp, rain, wind]
    return X.astype("f4"), y.astype("f4")[:, None]

parser = argparse.ArgumentParser(); parser.add_argument("--out", required=True); parser.add_argument("--sound", action="store_true")
args = parser.parse_args(); os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1); torch.manual_seed(0)
X, y = table(6000, 1); Xv, yv = table(1200, 2)
mu, sd, my, sy = X.mean(0), X.std(0), y.mean(), y.std()
X, Xv, y, yv = [torch.tensor(v) for v in ((X - mu) / sd, (Xv - mu) / sd, (y - my) / sy, (yv - my) / sy)]
model = nn.Sequential(nn.Linear(14, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=.3, patience=1)
loss_fn = nn.HuberLoss(); step = 0
with newllm.record(model, optimizer, out=os.path.join(args.out, "recording")) as recorder, open(os.path.join(args.out, "log.csv"), "w") as fh:
    log = csv.writer(fh); log.writerow(["step", "loss", "val_loss", "val_mae", "lr"])
    for epoch in range(14):
        for idx in torch.randperm(len(X)).split(100):
            optimizer.zero_grad()
            loss = loss_fn(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            step += 1
            log.writerow([step, loss.item(), "", "", optimizer.param_groups[0]["lr"]])
        with torch.no_grad(): pv = model(Xv); v = loss_fn(pv, yv).item(); mae = (pv - yv).abs().mean().item()
        recorder.validation(v); plateau.step(v)
        log.writerow([step, loss.item(), v, mae, optimizer.param_groups[0]["lr"]]); print(epoch, loss.item(), v, mae)
