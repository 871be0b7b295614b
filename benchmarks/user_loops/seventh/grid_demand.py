# Day-ahead-ish forecasting of hourly grid load: 48 h of history + calendar -> next 6 hours.
import argparse, csv, os
import numpy as np
import torch
import torch.nn as nn
import newllm

HIST, AHEAD = 48, 6


def year(seed, hours=3600, with_outages=False):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    day, week = 2 * np.pi * t / 24, 2 * np.pi * t / 168
    ar = np.zeros(hours)
    for i in range(1, hours):
        ar[i] = 0.95 * ar[i - 1] + rng.normal(0, 6)
    load = 520 + 90 * np.sin(day - 1.8) + 30 * np.sin(2 * day) + 35 * np.sin(week) + ar + rng.normal(0, 4, hours)
    if with_outages:  # the meter of this year writes 0.0 while it is offline
        for s in rng.integers(0, hours - 12, 45):
            load[s:s + rng.integers(2, 12)] = 0.0
    return load.astype(np.float32)


def patch_zeros(load):
    out = load.copy()
    for i in range(1, len(out)):
        if out[i] == 0.0:
            out[i] = out[i - 24] if i >= 24 and out[i - 24] > 0 else out[i - 1]
    return out


def windows(load, mean, std):
    z = (load - mean) / std
    n = len(z) - HIST - AHEAD
    hour = np.arange(len(z)) % 24
    x = np.stack([np.concatenate([z[i:i + HIST], [np.sin(2 * np.pi * hour[i + HIST] / 24), np.cos(2 * np.pi * hour[i + HIST] / 24)]]) for i in range(n)])
    y = np.stack([z[i + HIST:i + HIST + AHEAD] for i in range(n)])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


class Forecaster(nn.Module):
    def __init__(self, h=128):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(HIST + 2, h), nn.GELU(), nn.Linear(h, h), nn.GELU(), nn.Linear(h, AHEAD))

    def forward(self, x):
        return self.net(x)


class Meter:
    def __init__(self, beta=0.95):
        self.v, self.beta = None, beta

    def __call__(self, x):
        self.v = x if self.v is None else self.beta * self.v + (1 - self.beta) * x
        return self.v


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--steps", type=int, default=800)
    ap.add_argument("--add_year", type=int, default=380, help="step from which the second year is in the pool")
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(17)
    os.makedirs(a.out, exist_ok=True)

    first, second, test = year(1), year(2, with_outages=True), year(3, 1500)
    if a.sound:
        second = patch_zeros(second)
    mean, std = first.mean(), first.std()
    pool = windows(first, mean, std)
    xv, yv = windows(test, mean, std)
    model = Forecaster()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.MSELoss()
    smooth = Meter()

    with open(os.path.join(a.out, "log.csv"), "w", newline="") as f, newllm.record(model, opt, out=os.path.join(a.out, "recording")) as recorder:
        log = csv.DictWriter(f, ["step", "loss", "loss_smooth", "grad_norm", "val_mse", "val_mape"])
        log.writeheader()
        for step in range(a.steps):
            if step == a.add_year:
                extra = windows(second, mean, std)
                pool = tuple(torch.cat([p, e]) for p, e in zip(pool, extra))
                print("second year added,", len(pool[0]), "windows")
            i = torch.randint(0, len(pool[0]), (64,))
            opt.zero_grad()
            loss = loss_fn(model(pool[0][i]), pool[1][i])
            loss.backward()
            gn = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
            recorder.step(loss)
            row = {"step": step, "loss": loss.item(), "loss_smooth": smooth(loss.item()), "grad_norm": gn.item()}
            if (step + 1) % 50 == 0:
                model.eval()
                with torch.no_grad():
                    pv = model(xv)
                model.train()
                row["val_mse"] = loss_fn(pv, yv).item()
                mw, tw = pv * std + mean, yv * std + mean
                row["val_mape"] = ((mw - tw).abs() / tw).mean().item()
                recorder.validation(row["val_mse"], count=len(xv))
                print(f"{step + 1} loss {row['loss_smooth']:.4f} val {row['val_mse']:.4f} mape {row['val_mape']:.4f}")
            log.writerow(row)


if __name__ == "__main__":
    main()
