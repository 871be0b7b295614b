"""Shipping price of a parcel from a dozen tabular features."""
import argparse, csv, os, time
import numpy as np
import torch
import torch.nn as nn
import newllm


def make_table(n, rng):
    w = rng.gamma(2.0, 2.0, n)
    dims = rng.uniform(5, 80, (n, 3))
    dist = rng.gamma(3.0, 150.0, n)
    express = rng.integers(0, 2, n)
    zone = rng.integers(0, 5, n)
    vol = dims.prod(1) / 5000.0
    billed = np.maximum(w, vol)
    price = 3 + 0.55 * billed + 0.004 * dist * (1 + 0.4 * express) + 1.5 * express + 0.8 * zone
    price = price * np.exp(rng.normal(0, 0.05, n))
    x = np.column_stack([w, dims, dist, express, np.eye(5)[zone], rng.normal(size=n)])
    return x.astype(np.float32), price.astype(np.float32)


class PriceNet(nn.Module):
    def __init__(self, d, h=96):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.out = nn.Linear(h, 1)

    def forward(self, x):
        return self.out(self.body(x))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--sound", action="store_true")
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--bs", type=int, default=64)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    os.makedirs(args.out, exist_ok=True)

    x, y = make_table(4800, np.random.default_rng(3))
    xv, yv = make_table(1000, np.random.default_rng(4))
    mu, sd, ym, ys = x.mean(0), x.std(0) + 1e-6, y.mean(), y.std()
    x, xv = [torch.from_numpy((a - mu) / sd) for a in (x, xv)]
    y, yv = [torch.from_numpy((a - ym) / ys) for a in (y, yv)]

    model = PriceNet(x.shape[1])
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.MSELoss()

    def predict(inputs):
        out = model(inputs)
        return out.squeeze(1) if args.sound else out

    def evaluate():
        model.eval()
        with torch.no_grad():
            pred = predict(xv)
            loss = criterion(pred, yv).item()
            mae = (pred.flatten() - yv).abs().mean().item() * float(ys)
        model.train()
        return loss, mae

    f = open(os.path.join(args.out, "log.csv"), "w", newline="")
    log = csv.writer(f)
    log.writerow(["step", "epoch", "loss", "val_loss", "val_mae_eur"])
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        for epoch in range(args.epochs):
            perm = torch.randperm(len(x))
            for i in range(0, len(x), args.bs):
                idx = perm[i:i + args.bs]
                opt.zero_grad()
                loss = criterion(predict(x[idx]), y[idx])
                loss.backward()
                opt.step()
                recorder.step(loss)
                step += 1
                last = i + args.bs >= len(x)
                vl, mae = evaluate() if last else ("", "")
                if last:
                    recorder.validation(vl, count=len(xv))
                    print(f"epoch {epoch} loss {loss.item():.4f} val {vl:.4f} mae {mae:.3f} EUR")
                log.writerow([step, epoch, round(loss.item(), 5), vl, mae])
    f.close()


if __name__ == "__main__":
    t0 = time.time()
    main()
    print(f"done in {time.time() - t0:.1f}s")
