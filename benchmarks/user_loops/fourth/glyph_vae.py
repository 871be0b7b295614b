"""VAE on 12x12 glyphs made of strokes. KL is warmed up."""
import argparse, csv
from pathlib import Path
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import newllm

def glyphs(n, seed):
    r = np.random.default_rng(seed); out = np.zeros((n, 12, 12), np.float32)
    for im in out:
        k = r.integers(0, 4); p = r.integers(2, 10); q = r.integers(2, 10)
        if k in (0, 2): im[p, 1:11] = 1
        if k in (1, 2): im[1:11, q] = 1
        if k == 3: im[np.arange(1, 11), np.arange(1, 11)] = 1; im[p, :6] = 1
    return torch.tensor(out.reshape(n, -1))

class VAE(nn.Module):
    def __init__(self, z=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(144, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()); self.mu, self.lv = nn.Linear(64, z), nn.Linear(64, z)
        self.dec = nn.Sequential(nn.Linear(z, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 144))
    def forward(self, x):
        h = self.enc(x); mu, lv = self.mu(h), self.lv(h).clamp(-8, 8)
        z = mu + torch.randn_like(mu) * (lv / 2).exp() if self.training else mu
        return self.dec(z), mu, lv

def parts(model, x):
    o, mu, lv = model(x)
    rec = F.binary_cross_entropy_with_logits(o, x, reduction="sum") / len(x)
    return rec, (-.5 * (1 + lv - mu ** 2 - lv.exp())).sum(1).mean()

def beta_at(step, warmup, capped):
    b = step / warmup
    return min(1.0, b) if capped else b

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--out", type=Path); ap.add_argument("--sound", action="store_true"); a = ap.parse_args()
    a.out.mkdir(parents=True, exist_ok=True); torch.set_num_threads(1); torch.manual_seed(14)
    x, xv = glyphs(4000, 1), glyphs(600, 2); m = VAE(); opt = torch.optim.Adam(m.parameters(), lr=2e-3)
    with open(a.out / "log.csv", "w", newline="") as f, newllm.record(m, opt, out=a.out / "recording") as recorder:
        w = csv.writer(f); w.writerow(["step", "loss", "rec", "kl", "val_rec", "val_kl"])
        for step in range(1, 901):
            beta = beta_at(step, 140, a.sound)
            rec, kl = parts(m, x[torch.randint(0, 4000, (64,))]); loss = rec + beta * kl
            opt.zero_grad(); loss.backward(); opt.step(); recorder.step(loss)
            recorder.metrics({"reconstruction": rec.item(), "kl": kl.item()})
            row = [step, loss.item(), rec.item(), kl.item(), "", ""]
            if step % 50 == 0:
                m.eval()
                with torch.no_grad(): r, k = parts(m, xv)
                m.train(); recorder.validation((r + k).item()); row[4:] = [r.item(), k.item()]
                print(step, [round(q, 2) for q in row[1:]])
            w.writerow(row)
main()
