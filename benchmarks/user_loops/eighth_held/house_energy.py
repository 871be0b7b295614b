"""Daily energy use of houses; a second year of meter readings joins the training."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm


def readings(n, rng, gaps=0.0):
    temp, wind = rng.normal(9, 8, n), rng.gamma(2.0, 2.0, n)
    area, people = rng.uniform(40, 220, n), rng.integers(1, 7, n)
    age, sun = rng.uniform(0, 90, n), rng.uniform(0, 14, n)
    pump, weekend = rng.integers(0, 2, n), rng.integers(0, 2, n)
    heat = np.maximum(18 - temp, 0) * area * (0.010 + 0.00018 * age) * (1 + 0.03 * wind) * np.where(pump == 1, 0.35, 1.0)
    use = 2 + 1.4 * people + 0.6 * weekend * people + heat * 0.25 - 0.08 * sun * (area > 120)
    use = use * np.exp(rng.normal(0, 0.05, n))
    x = np.column_stack([temp, wind, area, people, age, sun, pump, weekend]).astype(np.float32)
    x[rng.random(n) < gaps, 5] = np.nan
    return x, use.astype(np.float32)


class UseNet(nn.Module):
    def __init__(self, d, h=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=900)
    p.add_argument("--second-from", type=int, default=400)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(101)
    os.makedirs(args.out, exist_ok=True)

    x, y = readings(6000, np.random.default_rng(101))
    x2, y2 = readings(9000, np.random.default_rng(102), gaps=0.06)
    xv, yv = readings(1500, np.random.default_rng(103))
    mu, sd, ym, ys = x.mean(0), x.std(0), y.mean(), y.std()

    def drop_gaps(x, y):
        ok = ~np.isnan(x).any(1)
        x = x[ok]
        if args.sound:
            y = y[ok]
        return x, y[:len(x)]

    def tensors(x, y):
        return torch.from_numpy((x - mu) / sd), torch.from_numpy((y - ym) / ys)

    xt, yt = tensors(x, y)
    xv, yv = tensors(xv, yv)
    model = UseNet(x.shape[1])
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.MSELoss()

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "val_loss", "val_mae_kwh"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            if step == args.second_from:
                more_x, more_y = tensors(*drop_gaps(x2, y2))
                xt, yt = torch.cat([xt, more_x]), torch.cat([yt, more_y])
                print(f"second year joins: {len(xt)} rows")
            idx = torch.randint(len(xt), (64,))
            loss = criterion(model(xt[idx]), yt[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            recorder.step(loss)
            vl = mae = ""
            if (step + 1) % 50 == 0:
                with torch.no_grad():
                    out = model(xv)
                    vl, mae = criterion(out, yv).item(), (out - yv).abs().mean().item() * float(ys)
                recorder.validation(vl, count=len(yv))
                print(f"step {step + 1} loss {loss.item():.4f} val {vl:.4f} mae {mae:.3f} kWh")
            log.writerow([step, round(loss.item(), 5), vl, mae])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
