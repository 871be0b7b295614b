"""Day-ahead power price: mean and spread by Gaussian likelihood. Most of tomorrow's price is not in the features."""
import argparse, csv, pathlib
import numpy as np, torch, torch.nn as nn
import newllm
ap = argparse.ArgumentParser(); ap.add_argument("--out", type=pathlib.Path); ap.add_argument("--sound", action="store_true"); args = ap.parse_args()
args.out.mkdir(parents=True, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(88); r = np.random.default_rng(88)
n = 20000
load, wind, sun, gas, hour = r.normal(0, 1, n), r.gamma(2, .5, n), r.beta(1, 3, n), r.normal(0, 1, n), r.integers(0, 24, n)
spread = .12 * np.exp(.7 * np.abs(load) - .5 * wind)
price = .12 * load - .08 * wind + .05 * gas + .06 * np.sin(hour / 24 * 6.283) + spread * r.normal(0, 1, n)
X = np.c_[load, (wind - 1) / .7, (sun - .25) / .19, gas, np.sin(hour / 24 * 6.283), np.cos(hour / 24 * 6.283)]
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(price, dtype=torch.float32); cut = 16000

class MeanSpread(nn.Module):
    def __init__(self):
        super().__init__(); self.t = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh()); self.o = nn.Linear(48, 2)
    def forward(self, x): m, s = self.o(self.t(x)).unbind(-1); return m, nn.functional.softplus(s) ** 2 + 1e-4

nll = nn.GaussianNLLLoss(); net = MeanSpread(); opt = torch.optim.Adam(net.parameters(), lr=2e-3); step = 0
with open(args.out / "log.csv", "w") as f, newllm.record(net, opt, out=args.out / "recording", config=vars(args) | {"lr": 2e-3}) as recorder:
    w = csv.writer(f); w.writerow(["step", "loss", "val_nll", "val_mse", "val_r2"])
    for epoch in range(6):
        for i in torch.randperm(cut).split(128):
            m, v = net(X[i]); loss = nll(m, y[i], v)
            opt.zero_grad(); loss.backward(); opt.step(); recorder.step(loss); step += 1; row = [step, loss.item(), "", "", ""]
            if step % 50 == 0:
                with torch.no_grad(): m, v = net(X[cut:]); a = nll(m, y[cut:], v).item(); b = (m - y[cut:]).pow(2).mean().item()
                recorder.validation(a); row[2:] = [a, b, 1 - b / y[cut:].var().item()]; print(row)
            w.writerow(row)
