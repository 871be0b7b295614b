"""Finds the one payment in seventy that is fraud; positives weigh more in the loss."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm


def payments(n, rng):
    y = (rng.random(n) < 1 / 70).astype(np.float32)
    amount = np.exp(rng.normal(3.2, 1.0, n) + 0.9 * y * rng.random(n))
    hour = np.where((y == 1) & (rng.random(n) < 0.5), rng.integers(0, 6, n), rng.normal(14, 4, n) % 24)
    distance = rng.gamma(1.2, 8, n) * np.where((y == 1) & (rng.random(n) < 0.6), 12, 1)
    since = rng.exponential(20, n) * np.where((y == 1) & (rng.random(n) < 0.6), 0.05, 1)
    age = rng.uniform(0, 10, n)
    online, chip = rng.random(n) < 0.3 + 0.4 * y, rng.random(n) < 0.7 - 0.4 * y
    x = np.column_stack([np.log(amount), np.sin(hour / 24 * 6.283), np.cos(hour / 24 * 6.283), np.log1p(distance),
                         np.log1p(since), age, online, chip, rng.normal(size=(n, 4))])
    return x.astype(np.float32), y


class FraudNet(nn.Module):
    def __init__(self, d, h=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Dropout(0.1), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)


def auc(score, y):
    rank = score.argsort().argsort().double() + 1
    pos = y == 1
    n = int(pos.sum())
    return ((rank[pos].sum() - n * (n + 1) / 2) / (n * (len(y) - n))).item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--bs", type=int, default=256)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(251)
    os.makedirs(args.out, exist_ok=True)

    rng = np.random.default_rng(251)
    x, y = payments(30000, rng)
    xv, yv = payments(12000, rng)
    mu, sd = x.mean(0), x.std(0)
    x, xv = torch.from_numpy((x - mu) / sd), torch.from_numpy((xv - mu) / sd)
    y, yv = torch.from_numpy(y), torch.from_numpy(yv)
    model = FraudNet(x.shape[1])
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(20.0))

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "fraud_in_batch", "val_loss", "val_auc"])
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            perm = torch.randperm(len(x))
            for i in range(0, len(x), args.bs):
                idx = perm[i:i + args.bs]
                opt.zero_grad()
                loss = criterion(model(x[idx]), y[idx])
                loss.backward()
                opt.step()
                recorder.step(loss)
                step += 1
                vl = area = ""
                if step % 50 == 0:
                    model.eval()
                    with torch.no_grad():
                        out = model(xv)
                        vl, area = criterion(out, yv).item(), auc(out, yv)
                    model.train()
                    recorder.validation(vl, count=len(yv))
                    print(f"step {step} loss {loss.item():.4f} val {vl:.4f} auc {area:.4f}")
                log.writerow([step, epoch, round(loss.item(), 5), int(y[idx].sum()), vl, area])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
