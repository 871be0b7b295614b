"""Forecasts the next hours of a solar roof from the last two days."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm


def make_series(hours, rng):
    t = np.arange(hours)
    clear = np.maximum(np.sin((t % 24 - 6) / 12 * np.pi), 0) * (1 + 0.35 * np.sin(2 * np.pi * t / (24 * 365)))
    cloud, c = np.zeros(hours), 0.3
    for i in range(hours):
        c = np.clip(0.93 * c + 0.07 * 0.35 + rng.normal(0, 0.07), 0, 1)
        cloud[i] = c
    power = clear * (1 - 0.75 * cloud) * np.exp(rng.normal(0, 0.03, hours))
    return np.column_stack([power, cloud, np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24)]).astype(np.float32)


class Forecaster(nn.Module):
    def __init__(self, d=4, past=48, ahead=6, h=96):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(d * past, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, ahead))

    def forward(self, x):
        return self.net(x)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--updates", type=int, default=700)
    p.add_argument("--small-from", type=int, default=350)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(111)
    os.makedirs(args.out, exist_ok=True)

    data = torch.from_numpy(make_series(9000, np.random.default_rng(111)))
    data = (data - data[:7000].mean(0)) / data[:7000].std(0)
    train, val = data[:7000], data[7000:]

    def windows(d, starts):
        at = torch.as_tensor(starts)[:, None]
        return d[at + torch.arange(48)], d[at + torch.arange(48, 54), 0]

    xv, yv = windows(val, torch.arange(0, 1900, 4))
    model = Forecaster()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    criterion = nn.MSELoss()

    # batches of 64 no longer fit beside the other job in the second half
    setup = {"batch": 64, "accumulate": 1}

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["update", "loss", "batch", "accumulate", "val_loss"])
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for update in range(args.updates):
            if update == args.small_from:
                setup = {"batch": 8, "accumulate": 8}
            total = 0.0
            opt.zero_grad()
            for _ in range(setup["accumulate"]):
                x, y = windows(train, torch.randint(len(train) - 54, (setup["batch"],)))
                loss = criterion(model(x), y)
                total += loss.item() / setup["accumulate"]
                if args.sound:
                    loss = loss / setup["accumulate"]
                loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            opt.step()
            recorder.step(torch.tensor(total))
            vl = ""
            if (update + 1) % 25 == 0:
                model.eval()
                with torch.no_grad():
                    vl = criterion(model(xv), yv).item()
                model.train()
                recorder.validation(vl, count=len(xv))
                print(f"update {update + 1} loss {total:.4f} val {vl:.4f}")
            log.writerow([update, round(total, 5), setup["batch"], setup["accumulate"], vl])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
