import argparse, csv, pathlib
import numpy as np, torch, torch.nn as nn
import newllm

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=pathlib.Path)
parser.add_argument("--sound", action="store_true")
opt_ = parser.parse_args()
opt_.out.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(5)
rs = np.random.RandomState(5)

# lab sheet: pH, organic %, K (mg/kg), P (mg/kg), altitude (m), pressure (Pa), conductivity (uS/cm), sand share
n = 5000
ph = rs.normal(6.4, .7, n); org = rs.gamma(3, 1.2, n); K = rs.gamma(4, 45, n); P = rs.gamma(3, 12, n)
alt = rs.uniform(0, 1800, n); pres = 101325 * np.exp(-alt / 8400) + rs.normal(0, 600, n); cond = rs.gamma(3, 150, n); sand = rs.beta(2, 2, n)
score = np.stack([1.8 * (ph - 6.4) + .6 * (sand - .5) * 4, .9 * (org - 3.6) - 1.0 * (ph - 6.4), 2.5 * (sand - .5) * 2 - .4 * (org - 3.6),
                  1.2 * (P - 36) / 20 + (ph < 5.9) * 1.2], 1) * 1.8
y = torch.tensor((score + rs.gumbel(size=score.shape) * .5).argmax(1))
X = np.stack([ph, org, K, P, alt, pres, cond, sand], 1).astype("float32")
if opt_.sound:
    X = (X - X[:4000].mean(0)) / X[:4000].std(0)
X = torch.tensor(X)
Xt, yt, Xv, yv = X[:4000], y[:4000], X[4000:], y[4000:]

mlp = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(mlp.parameters(), lr=1e-3)
crit = nn.CrossEntropyLoss()
f = open(opt_.out / "log.csv", "w"); w = csv.writer(f); w.writerow(["step", "loss", "acc", "val_loss", "val_acc"])
s = 0
with newllm.record(mlp, optimizer, out=opt_.out / "recording") as recorder:
    for ep in range(12):
        order = torch.randperm(4000)
        for b in order.split(64):
            logits = mlp(Xt[b])
            loss = crit(logits, yt[b])
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            recorder.step(loss)
            s += 1
            if s % 5 == 0:
                w.writerow([s, float(loss), (logits.argmax(1) == yt[b]).float().mean().item(), "", ""])
        with torch.no_grad():
            lv = mlp(Xv); vl = crit(lv, yv).item(); hit = (lv.argmax(1) == yv).sum().item()
        recorder.validation(vl, correct=hit, count=1000)
        w.writerow([s, float(loss), "", vl, hit / 1000])
        print(ep, float(loss), vl, hit / 1000)
f.close()
