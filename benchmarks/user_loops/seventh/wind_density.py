"""Probabilistic wind power forecast: a two-component Gaussian mixture for the next hour, trained by NLL."""
import argparse, csv, math, os
import numpy as np
import torch
import torch.nn as nn
import newllm


def farm(n, seed):
    rng = np.random.default_rng(seed)
    speed, gust = np.zeros(n), np.zeros(n)
    speed[0] = 8
    for i in range(1, n):
        gust[i] = 0.9 * gust[i - 1] - 0.03 * (speed[i - 1] - 8) + rng.normal(0, 0.25)
        speed[i] = speed[i - 1] + gust[i]
    speed = np.abs(speed)
    power = 1 / (1 + np.exp(-(speed - 9) / 1.4))
    power = power + rng.normal(0, 0.01, n) + 0.02 * rng.normal(0, 1, n) * power
    hist = np.stack([power[i:n - 12 + i] for i in range(12)] + [speed[i:n - 12 + i] / 10 for i in range(12)], 1)
    return torch.tensor(hist, dtype=torch.float32), torch.tensor(power[12:], dtype=torch.float32)


class MDN(nn.Module):
    def __init__(self, d, h=64, k=2):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh())
        self.out = nn.Linear(h, 3 * k)

    def forward(self, x):
        w, mu, s = self.out(self.body(x)).chunk(3, 1)
        return w.log_softmax(1), mu + x[:, 11:12], s.clamp(-6, 3)


def nll(params, y):
    lw, mu, ls = params
    lp = -0.5 * ((y[:, None] - mu) / ls.exp()) ** 2 - ls - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(lw + lp, 1).mean()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=800)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(6)
    os.makedirs(args.out, exist_ok=True)
    x, y = farm(8000, 1)
    xv, yv = farm(2000, 2)
    model = MDN(24)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps, eta_min=5e-5)
    persistence = (xv[:, 11] - yv).abs().mean().item()
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f, newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        log = csv.writer(f)
        log.writerow(["step", "train_nll", "val_nll", "val_mae"])
        for step in range(args.steps):
            i = torch.randint(0, len(x), (128,))
            opt.zero_grad()
            loss = nll(model(x[i]), y[i])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
            sched.step()
            recorder.step(loss)
            tail = ["", ""]
            if (step + 1) % 80 == 0:
                with torch.no_grad():
                    out = model(xv)
                    v = nll(out, yv).item()
                    mae = ((out[0].exp() * out[1]).sum(1) - yv).abs().mean().item()
                recorder.validation(v, count=len(yv))
                tail = [round(v, 4), round(mae, 5)]
                print(f"{step + 1} nll {loss.item():.3f} val {v:.3f} mae {mae:.4f} (persistence {persistence:.4f})")
            log.writerow([step, round(loss.item(), 5)] + tail)


if __name__ == "__main__":
    main()
