"""Spectra -> concentration of 3 substances. Cosine schedule with warm restarts, weights averaged (EMA) for evaluation."""
import argparse, copy, csv, os
import numpy as np, torch
from torch import nn
import newllm

class EMA:
    def __init__(self, model, decay): self.m = copy.deepcopy(model).eval(); self.decay = decay
    @torch.no_grad()
    def update(self, model):
        for a, b in zip(self.m.parameters(), model.parameters()): a.lerp_(b, 1 - self.decay)

def spectra(n, seed):
    r = np.random.default_rng(seed); nu = np.linspace(0, 1, 96)
    peaks = [[(.2, .03, 1), (.6, .05, .5)], [(.27, .04, .9), (.8, .03, .7)], [(.5, .06, .8), (.65, .04, .6)]]
    base = np.stack([sum(h * np.exp(-((nu - c) / w) ** 2) for c, w, h in p) for p in peaks])
    c = r.uniform(0, 1, (n, 3)); x = 1 - np.exp(-1.5 * c @ base) + r.normal(0, .04, (n, 96)) + r.normal(0, .1, (n, 1)) * nu
    return torch.tensor(x, dtype=torch.float32), torch.tensor(c, dtype=torch.float32)

def main(a):
    os.makedirs(a.out, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(61)
    x, y = spectra(4000, 1); xv, yv = spectra(800, 2); m, s = x.mean(), x.std(); x, xv = (x - m) / s, (xv - m) / s
    net = nn.Sequential(nn.Linear(96, 96), nn.GELU(), nn.Linear(96, 48), nn.GELU(), nn.Linear(48, 3)); ema = EMA(net, .98)
    opt = torch.optim.SGD(net.parameters(), lr=.1, momentum=.9, nesterov=True); sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, 250, eta_min=1e-3)
    with newllm.record(net, opt, out=a.out + "/recording") as recorder, open(a.out + "/log.csv", "w") as f:
        w = csv.writer(f); w.writerow(["step", "loss", "lr", "val_loss_ema"])
        for step in range(1, 751):
            i = torch.randint(0, 4000, (64,)); loss = nn.functional.mse_loss(net(x[i]), y[i])
            opt.zero_grad(); loss.backward(); opt.step(); ema.update(net); recorder.step(loss)
            row = [step, loss.item(), sched.get_last_lr()[0], ""]; sched.step()
            if step % 50 == 0:
                with torch.no_grad(): row[3] = nn.functional.mse_loss(ema.m(xv), yv).item()
                recorder.validation(row[3]); print(row)
            w.writerow(row)
p = argparse.ArgumentParser(); p.add_argument("--out"); p.add_argument("--sound", action="store_true"); main(p.parse_args())
