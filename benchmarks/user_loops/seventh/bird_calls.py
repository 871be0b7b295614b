"""Bird call classification from small log-mel patches; 900 clips labelled by volunteers, 6 species."""
import argparse, csv, os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

N_CLS = 6


def clips(n, seed, mislabelled=0.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, N_CLS, n)
    t = np.linspace(0, 1, 24)
    x = rng.normal(0, 0.7, (n, 16, 24))
    for k in range(n):
        c = y[k]
        f0, slope, wob = 4 + 2 * (c % 3) + rng.normal(0, 0.9), [5, -4][c // 3] + rng.normal(0, 2), 1.2 * (c % 2)
        track = f0 + slope * (t - 0.5) + wob * np.sin(18 * t + rng.uniform(0, 6))
        x[k] += 1.6 * np.exp(-0.5 * ((np.arange(16)[:, None] - track[None]) / 0.9) ** 2)
    y = np.where(rng.random(n) < mislabelled, rng.integers(0, N_CLS, n), y)
    return torch.tensor(x.reshape(n, -1), dtype=torch.float32), torch.tensor(y)


class CallNet(nn.Module):
    def __init__(self, h=256, p=0.5):
        super().__init__()
        self.f = nn.Sequential(nn.Dropout(0.3), nn.Linear(16 * 24, h), nn.ReLU(), nn.Dropout(p),
                               nn.Linear(h, h), nn.ReLU(), nn.Dropout(p), nn.Linear(h, N_CLS))

    def forward(self, x):
        return self.f(x)


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return F.cross_entropy(out, y).item(), (out.argmax(1) == y).sum().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--sound", action="store_true")
    ap.add_argument("--epochs", type=int, default=17)
    ap.add_argument("--bs", type=int, default=32)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    os.makedirs(args.out, exist_ok=True)
    x, y = clips(900, 0, mislabelled=0.2)
    xv, yv = clips(1000, 1)
    model = CallNet()
    opt = torch.optim.Adam(model.parameters(), lr=4e-4)
    history = []
    step = 0
    with newllm.record(model, opt, out=os.path.join(args.out, "recording")) as recorder:
        model.train()
        for epoch in range(args.epochs):
            if args.sound:
                model.train()
            perm = torch.randperm(len(x))
            tot = hit = 0.0
            for i in range(0, len(x), args.bs):
                j = perm[i:i + args.bs]
                opt.zero_grad()
                out = model(x[j])
                loss = F.cross_entropy(out, y[j])
                loss.backward()
                opt.step()
                recorder.step(loss)
                tot += loss.item() * len(j)
                hit += (out.argmax(1) == y[j]).sum().item()
                history.append([step, epoch, loss.item(), None, None])
                step += 1
            vl, correct = evaluate(model, xv, yv)
            recorder.validation(vl, correct=correct, count=len(yv))
            history[-1][3:] = [vl, correct / len(yv)]
            print(f"epoch {epoch:2d}  train {tot / len(x):.3f} acc {hit / len(x):.3f}   val {vl:.3f} acc {correct / len(yv):.3f}")
    with open(os.path.join(args.out, "log.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["step", "epoch", "loss", "val_loss", "val_acc"])
        w.writerows(history)


if __name__ == "__main__":
    main()
