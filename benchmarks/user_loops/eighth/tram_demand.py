"""Forecasts the passengers of a tram line for the next hours, with warm restarts."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm


def make_series(hours, rng):
    t = np.arange(hours)
    h, day = t % 24, t // 24 % 7
    peak = np.exp(-((h - 8) / 1.6) ** 2) + 0.9 * np.exp(-((h - 17.5) / 2.2) ** 2)
    leisure = 0.6 * np.exp(-((h - 14) / 4.0) ** 2)
    base = np.where(day < 5, peak, leisure) + 0.05
    rain = np.repeat(rng.random(hours // 6 + 1) < 0.25, 6)[:hours]
    x = 400 * base * (1 + 0.3 * rain) * (1 + 0.1 * np.sin(2 * np.pi * t / (24 * 365))) + rng.normal(0, 12, hours)
    feats = [x, rain, np.sin(2 * np.pi * h / 24), np.cos(2 * np.pi * h / 24), day < 5]
    return np.column_stack(feats).astype(np.float32)


class TramNet(nn.Module):
    def __init__(self, d=5, past=48, ahead=12, w=32):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(d, w, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
                                  nn.Conv1d(w, w, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(w * past // 4 + 3 * ahead, 96), nn.ReLU(), nn.Linear(96, ahead))

    def forward(self, x, known):
        return self.head(torch.cat([self.conv(x.transpose(1, 2)).flatten(1), known.flatten(1)], 1))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--steps", type=int, default=700)
    p.add_argument("--bs", type=int, default=48)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(231)
    os.makedirs(args.out, exist_ok=True)

    data = torch.from_numpy(make_series(24 * 500, np.random.default_rng(231)))
    cut = 24 * 400
    data = (data - data[:cut].mean(0)) / data[:cut].std(0)

    def windows(starts):
        at = torch.as_tensor(starts)[:, None]
        past, future = data[at + torch.arange(48)], data[at + torch.arange(48, 60)]
        return past, future[:, :, 2:], future[:, :, 0]

    xv, kv, yv = windows(torch.arange(cut, len(data) - 60, 5))
    model = TramNet()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=100, T_mult=2, eta_min=3e-5)
    criterion = nn.SmoothL1Loss()

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "loss", "lr", "val_loss", "val_mae"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for step in range(args.steps):
            x, k, y = windows(torch.randint(cut - 60, (args.bs,)))
            loss = criterion(model(x, k), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            lr = sched.get_last_lr()[0]
            sched.step()
            recorder.step(loss)
            vl = mae = ""
            if (step + 1) % 25 == 0:
                model.eval()
                with torch.no_grad():
                    out = model(xv, kv)
                    vl, mae = criterion(out, yv).item(), (out - yv).abs().mean().item()
                model.train()
                recorder.validation(vl, count=len(xv))
                print(f"step {step + 1} lr {lr:.5f} loss {loss.item():.4f} val {vl:.4f} mae {mae:.3f}")
            log.writerow([step, round(loss.item(), 5), lr, vl, mae])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
